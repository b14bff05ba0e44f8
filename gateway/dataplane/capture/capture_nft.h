/*
 * capture_nft.h: our tables in nftables, for capture.c and guard.c. The one here marks what comes in
 * for cygnetd and IKE so that strict reverse path filtering looks up their way back as our own
 * packets take it.
 */
#ifndef CYGNET_CAPTURE_NFT_H
#define CYGNET_CAPTURE_NFT_H

#include <stdbool.h>
#include <stdint.h>

struct nft_ctx;

/* 0; -errno (logged). */
int capture_nft_open(struct nft_ctx **out);
void capture_nft_close(struct nft_ctx *nft); /* NULL is fine; the kernel's tables stay */
/* Runs commands as one transaction. 0, -EIO (logged unless quietly). What they say is in nft's
 * output buffer. */
int capture_nft_run(struct nft_ctx *nft, const char *text, bool quietly);

/* Puts the marks, in place of those that a crashed process left, and keeps redirects from the
 * TUN device. 0; -errno (logged). */
int capture_nft_put_marks(struct nft_ctx *nft, const char *tun_name);
/* True unless somebody else deleted them. */
bool capture_nft_has_marks(struct nft_ctx *nft);
void capture_nft_remove_marks(struct nft_ctx *nft);
/* UDP to this port is marked too, or no longer. 0; -EIO (logged). */
int capture_nft_mark_port(struct nft_ctx *nft, uint16_t port, bool on);

#endif
