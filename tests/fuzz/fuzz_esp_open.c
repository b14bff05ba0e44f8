/*
 * tests/fuzz/fuzz_esp_open.c: can bytes from the wire hurt esp_open? The first byte chooses how:
 * raw bytes straight to esp_open, or a packet whose inside is the input under a right ICV (so that
 * trailer and padding are reached), then damaged, replayed and cut as further bytes say. What opens
 * goes on as on the inbound line: parsed, ECN and MSS changed, merged for the TUN device.
 *
 *     mode and flags | suite | window | seed of the sequence number (2) | edits (2) | body
 */
#include "esp/crypto.h"
#include "esp/wire.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 7, BODY_MAX = 4096, SPI = 0x100 };
enum flags { STRUCTURED = 1, ESN = 2, FAR = 4, FLIP = 8, CUT = 16, TWICE = 32, STRICT = 64 };

static const uint8_t encr_key[ESP_ENCR_KEY_MAX] = {9, 8, 7};
static const uint8_t integ_key[ESP_INTEG_KEY_MAX] = {6, 5, 4};
static const struct esp_keys keys = {encr_key, integ_key, NULL};

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* What inbound.c does with an opened packet, by the functions of packet/. */
static void go_on(struct packet *p, uint8_t nh)
{
	static struct gro gro;
	const struct outer_options options = {.take_dscp = true};
	struct virtio_net_hdr vnet;
	struct iovec iov[GRO_BATCH + 1];
	struct ip_view view;
	uint32_t total = 0;

	if ((nh != IPPROTO_IPIP && nh != IPPROTO_IPV6) ||
	    ip_parse(packet_data(p), p->len, nh, &view) != V_OK)
		return;
	must(view.total_len <= p->len && view.l4_off <= view.total_len);
	if (outer_to_inner(packet_data(p), &view, packet_data(p)[p->len - 1], &options) != V_OK)
		return;
	(void)tcp_clamp_mss(packet_data(p), &view, IP6_MTU_MIN);
	gro_init(&gro, true);
	must(gro_add(&gro, p, &view));
	for (unsigned i = 1, n = gro_finish(&gro, 0, &vnet, iov); i <= n; i++)
		total += (uint32_t)iov[i].iov_len;
	must(total == view.total_len);
}

/* Opens a copy that is exactly as long as the packet; what comes out must lie inside it. */
static enum verdict open_exact(struct esp_in *in, const uint8_t *bytes, uint32_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct packet p = {copy, len, 0, len};
	uint64_t top = esp_in_seq(in), seq = 0;
	uint32_t spi;
	uint8_t nh = 0;
	enum verdict v;

	must(copy);
	memcpy(copy, bytes, len);
	must(esp_peek_spi(&p, &spi) == (len >= ESP_HEADER_LEN));
	v = esp_open(in, &p, &nh, &seq);
	must(p.off <= len && p.len <= len - p.off);
	switch (v) {
	case V_OK:
		must(nh != ESP_NO_NEXT_HEADER && esp_in_seq(in) >= seq);
		go_on(&p, nh);
		break;
	case V_DUMMY:
	case V_TRAILER:
	case V_PADDING:
		must(esp_in_seq(in) >= seq);
		break;
	default: /* nothing unauthentic moves the window */
		must(v == V_RUNT || v == V_BAD_LENGTH || v == V_REPLAY_OLD || v == V_REPLAY_DUP ||
		     v == V_ICV);
		must(esp_in_seq(in) == top);
	}
	free(copy);
	return v;
}

/* body under a right ICV; returns the packet's length. */
static uint32_t seal_body(const struct esp_suite *suite, bool esn, uint64_t seq,
			  const uint8_t *body, uint32_t len, uint8_t *esp)
{
	uint32_t front = ESP_HEADER_LEN + suite->encr->iv_len;
	struct esp_crypto *c;

	len -= len % esp_suite_align(suite);
	must(esp_crypto_new(&c, suite, &keys, ESP_CRYPTO_SEAL, esn) == 0);
	store_be32(esp, SPI);
	store_be32(esp + 4, (uint32_t)seq);
	if (len)
		memcpy(esp + front, body, len);
	must(esp_crypto_seal(c, esp, len, seq, seq));
	esp_crypto_free(c);
	return front + len + esp_suite_icv_len(suite);
}

static void open_sealed(struct esp_in *in, const struct esp_suite *suite, const uint8_t *head,
			const uint8_t *body, uint32_t len)
{
	uint8_t esp[ESP_HEADROOM + BODY_MAX + ESP_ICV_MAX];
	uint8_t flags = head[0];
	uint64_t seq = 1 + ((uint64_t)head[3] << 8 | head[4]);
	uint32_t esp_len;
	bool damaged;

	if (flags & FAR) /* towards the end of the first subspace */
		seq = UINT32_MAX - seq;
	esp_len = seal_body(suite, flags & ESN, seq, body, len, esp);
	damaged = flags & (FLIP | CUT);
	if (flags & FLIP)
		esp[((uint32_t)head[5] << 8 | head[6]) % esp_len] ^= (uint8_t)(1u << (head[6] & 7));
	if (flags & CUT)
		esp_len -= 1 + head[5] % esp_len;
	/* Whole, it is authentic whatever is inside; damaged, it never is. */
	switch (open_exact(in, esp, esp_len)) {
	case V_OK:
	case V_DUMMY:
	case V_TRAILER:
	case V_PADDING:
		must(!damaged);
		break;
	case V_RUNT: /* too short a body has no room for a trailer */
		must(damaged || len < ESP_TRAILER_LEN + esp_suite_align(suite));
		return;
	default:
		must(damaged);
		return;
	}
	if (flags & TWICE)
		must(open_exact(in, esp, esp_len) == V_REPLAY_DUP);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t windows[] = {1, 32, 64, 65, 128, 1000, 4096, 0};
	struct esp_suite suite;
	struct esp_in *in;
	unsigned suites = 0;
	uint32_t window;
	bool esn;

	if (size < HEAD || size > BODY_MAX)
		return 0;
	while (esp_suite_at(suites, &suite))
		suites++;
	must(suites > 0);
	must(esp_suite_at(data[1] % suites, &suite));
	esn = data[0] & ESN;
	window = windows[data[2] % 8];
	if (window == 0 && (esn || data[0] & TWICE))
		window = 64;
	must(esp_in_new(&in, &suite, &keys, SPI, esn, window) == 0);
	if (data[0] & STRICT)
		esp_in_insist_on_padding(in);
	if (data[0] & STRUCTURED)
		open_sealed(in, &suite, data, data + HEAD, (uint32_t)size - HEAD);
	else
		open_exact(in, data + HEAD, (uint32_t)size - HEAD);
	esp_in_free(in);
	return 0;
}
