/*
 * capture_nft.c: one nftables table through libnftables, written as a single transaction.
 *
 * With rp_filter=1 the kernel asks, for each packet that comes in, by which device it would
 * answer; once a policy covers the peer's address that is the TUN, and ESP would be dropped.
 * Marked, the question is asked as for our own packets (src_valid_mark, sysctl.c). Priority
 * mangle: before the routing decision. Only what is for this host: ESP and IKE of others passing
 * through are policy's business like all else.
 */
#include "gateway/dataplane/capture/capture_nft.h"

#include "gateway/dataplane/log.h"

#include <errno.h>
#include <net/if.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <string.h>

/* "add" before "delete" makes the delete succeed whether or not a table was there. Later fragments
 * of UDP show no ports. The mark is CAPTURE_MARK.
 *
 * What comes out of one tunnel and goes into another crosses the same device twice, for which the
 * kernel would tell the sender of a shorter way that there is none; send_redirects of the device
 * alone does not stop it. */
static const char table_format[] =
	"add table inet cygnet\n"
	"delete table inet cygnet\n"
	"table inet cygnet {\n"
	"  set encap_ports { type inet_service; elements = { 500, 4500 }; }\n"
	"  chain incoming {\n"
	"    type filter hook prerouting priority mangle; policy accept;\n"
	"    meta l4proto 50 fib daddr type local meta mark set 0x219\n"
	"    udp dport @encap_ports fib daddr type local meta mark set 0x219\n"
	"    ip frag-off & 0x1fff != 0 meta l4proto 17 fib daddr type local meta mark set 0x219\n"
	"  }\n"
	"  chain outgoing {\n"
	"    type filter hook output priority filter; policy accept;\n"
	"    oifname \"%s\" icmp type redirect drop\n"
	"  }\n"
	"}\n";

int capture_nft_run(struct nft_ctx *nft, const char *text, bool quietly)
{
	const char *complaint;

	if (nft_run_cmd_from_buffer(nft, text) == 0)
		return 0;
	complaint = nft_ctx_get_error_buffer(nft);
	if (!quietly)
		log_warnx("nftables: %.*s", (int)strcspn(complaint, "\n"), complaint);
	return -EIO;
}

int capture_nft_open(struct nft_ctx **out)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);

	if (!nft || nft_ctx_buffer_error(nft) || nft_ctx_buffer_output(nft)) {
		if (nft)
			nft_ctx_free(nft);
		log_warnx("cannot set up nftables");
		return -ENOMEM;
	}
	*out = nft;
	return 0;
}

void capture_nft_close(struct nft_ctx *nft)
{
	if (nft)
		nft_ctx_free(nft);
}

int capture_nft_put_marks(struct nft_ctx *nft, const char *tun_name)
{
	char text[sizeof(table_format) + IF_NAMESIZE];

	(void)snprintf(text, sizeof(text), table_format, tun_name);
	return capture_nft_run(nft, text, false);
}

bool capture_nft_has_marks(struct nft_ctx *nft)
{
	return capture_nft_run(nft, "list chain inet cygnet incoming\n", true) == 0;
}

void capture_nft_remove_marks(struct nft_ctx *nft)
{
	/* Logged; nothing else can be done. */
	(void)capture_nft_run(nft, "delete table inet cygnet\n", false);
}

int capture_nft_mark_port(struct nft_ctx *nft, uint16_t port, bool on)
{
	char command[64];

	if (port == 500 || port == 4500)
		return 0; /* always */
	snprintf(command, sizeof(command), "%s element inet cygnet encap_ports { %u }\n",
		 on ? "add" : "delete", port);
	return capture_nft_run(nft, command, false);
}
