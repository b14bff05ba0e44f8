/*
 * tests/unit/ike-lite/test_payload.c: the inside of each payload but SA: what is read, what is refused,
 * and that what we write reads back.
 */
#include "ike-lite/bytes.h"
#include "ike-lite/cp.h"
#include "ike-lite/payload.h"
#include "prim.h"

#include <string.h>

/* One parser behind one face; out is large enough for any. */
union parsed {
	struct ike_ke ke;
	struct ike_span nonce;
	struct ike_id id;
	struct ike_auth auth;
	struct ike_notify notify;
	struct ike_delete delete;
	struct ike_ts_list ts;
	struct ike_cp cp;
};

enum kind { KE, NONCE, ID, AUTH, NOTIFY, DELETE, TS, CP };

static bool parse(enum kind kind, struct ike_span body, union parsed *out)
{
	switch (kind) {
	case KE:
		return ike_ke_parse(body, &out->ke);
	case NONCE:
		return ike_nonce_parse(body, &out->nonce);
	case ID:
		return ike_id_payload_parse(body, &out->id);
	case AUTH:
		return ike_auth_parse(body, &out->auth);
	case NOTIFY:
		return ike_notify_parse(body, &out->notify);
	case DELETE:
		return ike_delete_parse(body, &out->delete);
	case TS:
		return ike_ts_parse(body, &out->ts);
	default:
		return ike_cp_parse(body, &out->cp);
	}
}

#define SIXTEEN "000102030405060708090a0b0c0d0e0f"
#define V4_ALL	"07000010000000ff0a0000000affffff" /* 10/8, ports 0..255 */
#define V6_ONE	"081100280000ffff" SIXTEEN SIXTEEN

static const struct {
	const char *what;
	enum kind kind;
	const char *hex;
	bool ok;
	bool cut_ok; /* some shorter ones are right too */
} bodies[] = {
	{"KE", KE, "001f0000aabb", true, true},
	{"KE without a value", KE, "001f0000", false, false},
	{"nonce of 16", NONCE, SIXTEEN, true, false},
	{"nonce of 15", NONCE, "000102030405060708090a0b0c0d0e", false, false},
	{"ID IPv4", ID, "01000000c0000201", true, false},
	{"ID IPv4 of five bytes", ID, "01000000c000020100", false, false},
	{"ID IPv6", ID, "05000000" SIXTEEN, true, false},
	{"ID IPv6 of four bytes", ID, "05000000c0000201", false, false},
	{"ID FQDN", ID, "020000006d6f6f6e", true, true},
	{"ID FQDN empty", ID, "02000000", false, false},
	{"ID KEY_ID", ID, "0b000000ff", true, false},
	{"ID of an unknown type is still a name", ID, "09000000ff", true, false},
	{"AUTH", AUTH, "02000000aabb", true, true},
	{"AUTH without data", AUTH, "02000000", false, false},
	{"notify", NOTIFY, "00004000", true, false},
	{"notify with data", NOTIFY, "0000400611", true, true},
	{"notify of a child", NOTIFY, "0304400911223344", true, false},
	{"notify of an IKE SA", NOTIFY, "010840091122334455667788", true, false},
	{"notify: an SPI beyond the end", NOTIFY, "03044009112233", false, false},
	{"notify: IKE with a child's SPI", NOTIFY, "0104400911223344", false, false},
	{"notify: ESP with an IKE SPI", NOTIFY, "030840091122334455667788", false, false},
	{"notify: no protocol, no SPI, any protocol", NOTIFY, "7700000e", true, false},
	{"delete IKE", DELETE, "01000000", true, false},
	{"delete IKE with a count", DELETE, "01000001", false, false},
	{"delete IKE with a size", DELETE, "01080000", false, false},
	{"delete two", DELETE, "030400021122334455667788", true, false},
	{"delete none", DELETE, "03040000", true, false},
	{"delete: a count that lies high", DELETE, "030400031122334455667788", false, false},
	{"delete: a count that lies low", DELETE, "030400011122334455667788", false, false},
	{"delete ESP by eight bytes", DELETE, "030800011122334455667788", false, false},
	{"delete AH", DELETE, "0204000111223344", true, false},
	{"TS none", TS, "00000000", true, false},
	{"TS IPv4", TS, "01000000" V4_ALL, true, false},
	{"TS IPv4 and IPv6", TS, "02000000" V4_ALL V6_ONE, true, false},
	{"TS: a count too high", TS, "02000000" V4_ALL, false, false},
	{"TS: a count too low", TS, "01000000" V4_ALL V6_ONE, false, false},
	{"TS: a length beyond the end", TS, "0100000007000011000000ff0a0000000affffff", false,
	 false},
	{"TS: a length below its header", TS, "0100000007000007000000ff0a0000000affffff", false,
	 false},
	{"TS: IPv4 as long as IPv6", TS, "01000000070000280000ffff" SIXTEEN SIXTEEN, false, false},
	{"TS: addresses the wrong way", TS, "01000000070000100000ffff0affffff0a000000", false,
	 false},
	{"TS: ports the wrong way", TS,
	 "010000000700001000500010"
	 "0a0000000affffff",
	 false, false},
	{"TS: OPAQUE", TS, "0100000007000010ffff00000a0000000affffff", true, false},
	{"TS of another type is passed over", TS, "0100000009000008aabbccdd", true, false},
	{"CP request of nothing", CP, "01000000", true, false},
	{"CP request of both", CP, "010000000001000000080000", true, true},
	{"CP reply", CP, "02000000000100040a000005", true, true},
	{"CP reply IPv6", CP, "0200000000080011" SIXTEEN "80", true, true},
	{"CP reply IPv6 without prefix length", CP, "0200000000080010" SIXTEEN, true, true},
	{"CP: an IPv4 address of three bytes", CP, "02000000000100030a0000", false, false},
	{"CP: an IPv6 address of four", CP, "02000000000800040a000005", false, false},
	{"CP: a length beyond the end", CP, "02000000000100050a000005", false, false},
	{"CP: DNS and netmask are passed over", CP,
	 "02000000000100040a00000500030004010101010002000"
	 "4ffffff00",
	 true, true},
	{"CP: an attribute nobody knows", CP, "020000007fff0002abcd", true, true},
};

START_TEST(test_bodies_are_read_or_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		struct prim_bytes b = prim_unhex(bodies[i].hex);
		struct prim_exact exact = prim_exact(b.data, b.len);
		union parsed out;

		ck_assert_msg(parse(bodies[i].kind, exact.span, &out) == bodies[i].ok, "%s",
			      bodies[i].what);
		prim_exact_free(&exact);
	}
}
END_TEST

START_TEST(test_cut_bodies_are_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		struct prim_bytes b = prim_unhex(bodies[i].hex);

		for (uint32_t len = 0; len < b.len; len++) {
			struct prim_exact exact = prim_exact(b.data, len);
			union parsed out;
			bool ok = parse(bodies[i].kind, exact.span, &out);

			ck_assert_msg(!ok || bodies[i].cut_ok || !bodies[i].ok,
				      "%s cut to %u bytes", bodies[i].what, len);
			prim_exact_free(&exact);
		}
	}
}
END_TEST

/* Every byte of every body set to every value: nothing may be read beyond the end. */
START_TEST(test_changed_bodies_stay_inside)
{
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		struct prim_bytes b = prim_unhex(bodies[i].hex);
		struct prim_exact exact = prim_exact(b.data, b.len);
		union parsed out;

		for (uint32_t at = 0; at < b.len; at++) {
			for (unsigned value = 0; value < 256; value++) {
				exact.owned[at] = (uint8_t)value;
				(void)parse(bodies[i].kind, exact.span, &out);
			}
			exact.owned[at] = b.data[at];
		}
		prim_exact_free(&exact);
	}
}
END_TEST

START_TEST(test_nonce_lengths)
{
	uint8_t bytes[300] = {0};
	struct ike_span out;

	for (uint32_t len = 0; len < sizeof(bytes); len++)
		ck_assert_int_eq(ike_nonce_parse((struct ike_span){bytes, len}, &out),
				 len >= 16 && len <= 256);
}
END_TEST

START_TEST(test_id_lengths)
{
	uint8_t bytes[300] = {IKE_ID_FQDN};
	struct ike_id out;

	for (uint32_t len = 5; len < sizeof(bytes); len++)
		ck_assert_int_eq(ike_id_payload_parse((struct ike_span){bytes, len}, &out),
				 len <= 4 + 255);
}
END_TEST

/* ---- what is written reads back ----------------------------------------------------------------- */

static struct ike_payloads written;
static uint8_t room[PRIM_BYTES_MAX];

static struct ike_writer begin(void)
{
	struct ike_writer w;

	ike_writer_begin_inner(&w, room, sizeof(room));
	return w;
}

static struct ike_span body_of(const struct ike_writer *w, uint8_t type)
{
	ck_assert(!w->overflow);
	ck_assert_int_eq(
		ike_payloads_parse((struct ike_span){room, w->len}, w->inner_first, &written), 0);
	ck_assert_uint_eq(written.count, 1);
	ck_assert_uint_eq(written.at[0].type, type);
	return written.at[0].body;
}

START_TEST(test_small_ones_read_back)
{
	const uint8_t bytes[20] = {1, 2, 3};
	const struct ike_span data = IKE_SPAN(bytes);
	struct ike_writer w = begin();
	struct ike_id id, back;
	union parsed out;

	ike_put_ke(&w, IKE_DH_ECP_384, data);
	ck_assert(ike_ke_parse(body_of(&w, IKE_KE), &out.ke));
	ck_assert_uint_eq(out.ke.group, IKE_DH_ECP_384);
	ck_assert_mem_eq(out.ke.data.data, bytes, out.ke.data.len);

	w = begin();
	ike_put_nonce(&w, data);
	ck_assert(ike_nonce_parse(body_of(&w, IKE_NONCE), &out.nonce));
	ck_assert_uint_eq(out.nonce.len, sizeof(bytes));

	w = begin();
	ck_assert(ike_id_parse("moon.example.org", &id));
	ike_put_id(&w, IKE_IDR, &id);
	ck_assert(ike_id_payload_parse(body_of(&w, IKE_IDR), &back));
	ck_assert(ike_id_equal(&id, &back));

	w = begin();
	ike_put_auth(&w, IKE_AUTH_PSK, data);
	ck_assert(ike_auth_parse(body_of(&w, IKE_AUTH_DATA), &out.auth));
	ck_assert_uint_eq(out.auth.method, IKE_AUTH_PSK);
	ck_assert_mem_eq(out.auth.data.data, bytes, sizeof(bytes));
}
END_TEST

START_TEST(test_notify_and_delete_read_back)
{
	const uint8_t spi[] = {9, 8, 7, 6};
	const struct ike_notify n = {.protocol = IKE_PROTO_ESP,
				     .type = IKE_N_REKEY_SA,
				     .spi = IKE_SPAN(spi),
				     .data = PRIM_TEXT("why")};
	const uint32_t spis[] = {0x11223344, 0x55667788};
	struct ike_writer w = begin();
	struct ike_notify back;
	struct ike_delete d;

	ike_put_notify(&w, &n);
	ck_assert(ike_notify_parse(body_of(&w, IKE_NOTIFY), &back));
	ck_assert_uint_eq(back.protocol, IKE_PROTO_ESP);
	ck_assert_uint_eq(back.spi.len, 4);
	ck_assert_mem_eq(back.spi.data, spi, 4);
	ck_assert_mem_eq(back.data.data, "why", 3);
	ck_assert(ike_notify_find(&written, IKE_N_REKEY_SA, &back));
	ck_assert(!ike_notify_find(&written, IKE_N_COOKIE, &back));

	w = begin();
	ike_put_delete_ike(&w);
	ck_assert(ike_delete_parse(body_of(&w, IKE_DELETE), &d));
	ck_assert_uint_eq(d.protocol, IKE_PROTO_IKE);
	w = begin();
	ike_put_delete_esp(&w, spis, 2);
	ck_assert(ike_delete_parse(body_of(&w, IKE_DELETE), &d));
	ck_assert_uint_eq(d.count, 2);
	ck_assert_uint_eq(load_u32(d.spis.data + 4), 0x55667788);
}
END_TEST

START_TEST(test_malformed_notifies_are_passed_over)
{
	/* The first lies about its SPI, the second is no COOKIE. */
	struct prim_bytes b = prim_unhex("29000009030440060a"
					 "2900000800004000"
					 "0000000900004006cc");
	struct ike_payloads list;
	struct ike_notify n;

	ck_assert_int_eq(ike_payloads_parse(prim_span(&b), IKE_NOTIFY, &list), 0);
	ck_assert(ike_notify_find(&list, IKE_N_COOKIE, &n));
	ck_assert_uint_eq(n.data.len, 1);
	ck_assert_uint_eq(n.data.data[0], 0xcc);
}
END_TEST

START_TEST(test_selectors_read_back)
{
	static const char *const texts[] = {"10.1.0.0/16", "10.0.0.5-10.0.0.9[tcp/80]",
					    "fd00::/8[udp/1000-2000]", "::/0[ipv6-icmp/32768]",
					    "192.0.2.1/32[any/opaque]"};
	struct ike_ts_list list = {.count = ARRAY_LEN(texts)}, back;
	struct ike_writer w = begin();

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		ck_assert(ike_ts_parse_text(texts[i], &list.at[i]));
	ike_put_ts(&w, IKE_TSR, &list);
	ck_assert(ike_ts_parse(body_of(&w, IKE_TSR), &back));
	ck_assert_uint_eq(back.count, list.count);
	for (unsigned i = 0; i < back.count; i++) {
		char buf[IKE_TS_TEXT_MAX];

		ck_assert_str_eq(ike_ts_format(&back.at[i], buf), texts[i]);
	}
}
END_TEST

START_TEST(test_selectors_beyond_our_room_are_left_out)
{
	uint8_t body[4 + 40 * 16] = {40};
	struct prim_bytes one = prim_unhex(V4_ALL);
	struct ike_ts_list list;

	for (unsigned i = 0; i < 40; i++)
		memcpy(body + 4 + 16 * (size_t)i, one.data, 16);
	ck_assert(ike_ts_parse(IKE_SPAN(body), &list));
	ck_assert_uint_eq(list.count, IKE_TS_MAX);
}
END_TEST

START_TEST(test_configuration_reads_back)
{
	struct ike_cp cp = {.type = IKE_CFG_REPLY, .count = 2}, back;
	struct ike_writer w = begin();

	ck_assert(ip_addr_parse("10.9.0.7", &cp.addrs[0]));
	ck_assert(ip_addr_parse("fd00::7", &cp.addrs[1]));
	ike_put_cp(&w, &cp);
	prim_expect(body_of(&w, IKE_CP),
		    "02000000"
		    "000100040a090007"
		    "00080011fd00000000000000000000000000000780",
		    "reply");
	ck_assert(ike_cp_parse(written.at[0].body, &back));
	ck_assert_uint_eq(back.type, IKE_CFG_REPLY);
	ck_assert_uint_eq(back.count, 2);
	ck_assert(ip_addr_equal(&back.addrs[0], &cp.addrs[0]));
	ck_assert(ip_addr_equal(&back.addrs[1], &cp.addrs[1]));

	/* A request for any of both families. */
	ck_assert(ip_addr_parse("0.0.0.0", &cp.addrs[0]));
	ck_assert(ip_addr_parse("::", &cp.addrs[1]));
	cp.type = IKE_CFG_REQUEST;
	w = begin();
	ike_put_cp(&w, &cp);
	prim_expect(body_of(&w, IKE_CP), "010000000001000000080000", "request");
	ck_assert(ike_cp_parse(written.at[0].body, &back));
	ck_assert_uint_eq(back.count, 2);
	ck_assert(ip_addr_is_any(&back.addrs[0]) && back.addrs[0].family == AF_INET);
	ck_assert(ip_addr_is_any(&back.addrs[1]) && back.addrs[1].family == AF_INET6);
}
END_TEST

START_TEST(test_configuration_keeps_the_first_of_a_family)
{
	struct prim_bytes b = prim_unhex("02000000000100040a00000500010004"
					 "0a0000068001000"
					 "40a000007");
	struct ike_cp cp;
	char text[IP_ADDR_TEXT_MAX];

	ck_assert(ike_cp_parse(prim_span(&b), &cp));
	ck_assert_uint_eq(cp.count, 1);
	ck_assert_str_eq(ip_addr_format(&cp.addrs[0], text), "10.0.0.5");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("payload");

	tcase_add_test(tc, test_bodies_are_read_or_refused);
	tcase_add_test(tc, test_cut_bodies_are_refused);
	tcase_add_test(tc, test_changed_bodies_stay_inside);
	tcase_add_test(tc, test_nonce_lengths);
	tcase_add_test(tc, test_id_lengths);
	tcase_add_test(tc, test_small_ones_read_back);
	tcase_add_test(tc, test_notify_and_delete_read_back);
	tcase_add_test(tc, test_malformed_notifies_are_passed_over);
	tcase_add_test(tc, test_selectors_read_back);
	tcase_add_test(tc, test_selectors_beyond_our_room_are_left_out);
	tcase_add_test(tc, test_configuration_reads_back);
	tcase_add_test(tc, test_configuration_keeps_the_first_of_a_family);
	return prim_run(tc, "ike payload");
}
