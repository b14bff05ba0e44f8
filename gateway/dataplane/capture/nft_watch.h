/*
 * nft_watch.h: says when somebody deletes a table of ours from nftables, as firewalls do that are
 * loaded anew ("flush ruleset"). For capture.c.
 */
#ifndef CYGNET_NFT_WATCH_H
#define CYGNET_NFT_WATCH_H

struct event_base;
struct nft_watch;

/* fn is called on base's thread when a table was deleted whose name begins with "cygnet", by whom
 * is not told; or when news were lost. 0, -errno. */
int nft_watch_open(struct nft_watch **out, struct event_base *base, void (*fn)(void *ctx),
		   void *ctx);
void nft_watch_close(struct nft_watch *w); /* NULL is fine */

#endif
