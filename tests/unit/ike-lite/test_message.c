/*
 * tests/unit/ike-lite/test_message.c: headers, the chain of payloads, and the writer that makes them.
 */
#include "ike-lite/bytes.h"
#include "ike-lite/message.h"
#include "prim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char header_hex[] = "0102030405060708" /* SPIi */
				 "1112131415161718" /* SPIr */
				 "2e"		    /* SK */
				 "20"
				 "25"
				 "08"
				 "00000007"
				 "0000001c";

START_TEST(test_header_gives_every_field)
{
	struct prim_bytes b = prim_unhex(header_hex);
	struct ike_header h;

	ck_assert(ike_header_parse(prim_span(&b), &h));
	ck_assert_uint_eq(h.spi_i, 0x0102030405060708);
	ck_assert_uint_eq(h.spi_r, 0x1112131415161718);
	ck_assert_uint_eq(h.next, IKE_SK);
	ck_assert_uint_eq(h.version, IKE_VERSION_2);
	ck_assert_uint_eq(h.exchange, IKE_INFORMATIONAL);
	ck_assert_uint_eq(h.flags, IKE_FLAG_INITIATOR);
	ck_assert_uint_eq(h.id, 7);
	ck_assert_uint_eq(h.length, 28);
}
END_TEST

START_TEST(test_header_refuses_short_and_lying_ones)
{
	struct prim_bytes b = prim_unhex(header_hex);
	struct ike_header h = {.id = 99};

	for (uint32_t len = 0; len < IKE_HEADER_LEN; len++) {
		struct prim_exact exact = prim_exact(b.data, len);

		ck_assert(!ike_header_parse(exact.span, &h));
		prim_exact_free(&exact);
	}
	for (uint32_t stated = 0; stated < 64; stated++) {
		store_u32(b.data + 24, stated);
		ck_assert_int_eq(ike_header_parse(prim_span(&b), &h), stated == 28);
	}
	store_u32(b.data + 24, UINT32_MAX);
	ck_assert(!ike_header_parse(prim_span(&b), &h));
}
END_TEST

/* ---- chains ------------------------------------------------------------------------------------ */

static const struct {
	const char *what;
	uint8_t first;
	const char *hex;
	int error;
	unsigned count;
	uint8_t unknown_critical, inner_first;
} chains[] = {
	{"nothing", IKE_NO_NEXT, "", 0, 0, 0, 0},
	{"bytes without a payload", IKE_NO_NEXT, "00", -EBADMSG, 0, 0, 0},
	{"a payload without bytes", IKE_NONCE, "", -EBADMSG, 0, 0, 0},
	{"an empty payload", IKE_NONCE, "00000004", 0, 1, 0, 0},
	{"one with a byte", IKE_NONCE, "00000005aa", 0, 1, 0, 0},
	{"two", IKE_NONCE, "29000005aa00000006bbcc", 0, 2, 0, 0},
	{"length below its own header", IKE_NONCE, "00000003", -EBADMSG, 0, 0, 0},
	{"length below its own header, another payload inside it", IKE_NONCE, "290000020004",
	 -EBADMSG, 0, 0, 0},
	{"length nought", IKE_NONCE, "00000000", -EBADMSG, 0, 0, 0},
	{"length beyond the end", IKE_NONCE, "00000006aa", -EBADMSG, 0, 0, 0},
	{"bytes behind the last", IKE_NONCE, "00000004aa", -EBADMSG, 0, 0, 0},
	{"a second one that is cut", IKE_NONCE, "29000004000000", -EBADMSG, 0, 0, 0},
	{"unknown, not critical", 200, "00000004", 0, 1, 0, 0},
	{"unknown and critical", 200, "00800004", 0, 1, 200, 0},
	{"two unknown and critical: the first is told", 200, "c980000400800004", 0, 2, 200, 0},
	{"known and critical: the bit means nothing", IKE_NONCE, "00800004", 0, 1, 0, 0},
	{"reserved bits set", IKE_NONCE, "007f0004", 0, 1, 0, 0},
	{"below the known ones, critical", 32, "00800004", 0, 1, 32, 0},
	{"behind EAP, critical", 49, "00800004", 0, 1, 49, 0},
	{"SK tells the type inside", IKE_SK, "2700000501", 0, 1, 0, IKE_AUTH_DATA},
	{"SK is the last", IKE_SK, "270000050100000004", -EBADMSG, 0, 0, 0},
	{"SKF tells the type inside", IKE_SKF, "2300000501", 0, 1, 0, IKE_IDI},
	{"SK behind another", IKE_NOTIFY, "2e0000042700000501", 0, 2, 0, IKE_AUTH_DATA},
	{"an empty SK", IKE_SK, "00000004", 0, 1, 0, IKE_NO_NEXT},
};

START_TEST(test_chain_is_walked_or_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
		struct prim_bytes b = prim_unhex(chains[i].hex);
		struct prim_exact exact = prim_exact(b.data, b.len);
		struct ike_payloads list = {.count = 77};
		int err = ike_payloads_parse(exact.span, chains[i].first, &list);

		ck_assert_msg(err == chains[i].error, "%s: %d", chains[i].what, err);
		if (err) {
			ck_assert_uint_eq(list.count, 77);
		} else {
			ck_assert_msg(list.count == chains[i].count, "%s", chains[i].what);
			ck_assert_msg(list.unknown_critical == chains[i].unknown_critical, "%s",
				      chains[i].what);
			ck_assert_msg(list.inner_first == chains[i].inner_first, "%s",
				      chains[i].what);
		}
		prim_exact_free(&exact);
	}
}
END_TEST

START_TEST(test_chain_is_bounded)
{
	uint8_t bytes[4 * (IKE_PAYLOADS_MAX + 1)];
	struct ike_payloads list;

	for (unsigned i = 0; i <= IKE_PAYLOADS_MAX; i++)
		memcpy(bytes + 4 * (size_t)i, (uint8_t[]){IKE_NOTIFY, 0, 0, 4}, 4);
	bytes[4 * (IKE_PAYLOADS_MAX - 1)] = IKE_NO_NEXT;
	ck_assert_int_eq(ike_payloads_parse((struct ike_span){bytes, 4 * IKE_PAYLOADS_MAX},
					    IKE_NOTIFY, &list),
			 0);
	ck_assert_uint_eq(list.count, IKE_PAYLOADS_MAX);
	ck_assert_uint_eq(ike_payloads_count(&list, IKE_NOTIFY), IKE_PAYLOADS_MAX);
	bytes[4 * (IKE_PAYLOADS_MAX - 1)] = IKE_NOTIFY;
	bytes[4 * IKE_PAYLOADS_MAX] = IKE_NO_NEXT;
	ck_assert_int_eq(
		ike_payloads_parse((struct ike_span){bytes, sizeof(bytes)}, IKE_NOTIFY, &list),
		-E2BIG);
}
END_TEST

START_TEST(test_payloads_are_found_by_type)
{
	struct prim_bytes b = prim_unhex("29000005aa28000005bb00000005cc");
	struct ike_payloads list;

	ck_assert_int_eq(ike_payloads_parse(prim_span(&b), IKE_NOTIFY, &list), 0);
	ck_assert_ptr_eq(ike_payloads_find(&list, IKE_NOTIFY)->body.data, b.data + 4);
	ck_assert_ptr_eq(ike_payloads_find(&list, IKE_NONCE)->body.data, b.data + 14);
	ck_assert_ptr_null(ike_payloads_find(&list, IKE_KE));
	ck_assert_uint_eq(ike_payloads_count(&list, IKE_NOTIFY), 2);
	ck_assert_uint_eq(ike_payloads_count(&list, IKE_KE), 0);
}
END_TEST

/* ---- writing ------------------------------------------------------------------------------------ */

static uint32_t write_two(uint8_t *buf, uint32_t room)
{
	const struct ike_header h = {.spi_i = 0x0102030405060708,
				     .spi_r = 0x1112131415161718,
				     .version = IKE_VERSION_2,
				     .exchange = IKE_INFORMATIONAL,
				     .flags = IKE_FLAG_INITIATOR,
				     .id = 7};
	struct ike_writer w;
	uint32_t start;

	ike_writer_begin(&w, buf, room, &h);
	start = ike_payload_begin(&w, IKE_NONCE);
	ike_put_u8(&w, 1);
	ike_put_u16(&w, 0x0203);
	ike_payload_end(&w, start);
	start = ike_payload_begin(&w, IKE_NOTIFY);
	ike_put_u32(&w, 0x04050607);
	ike_put_u64(&w, 0x08090a0b0c0d0e0f);
	ike_put_bytes(&w, "xy", 2);
	ike_put_bytes(&w, NULL, 0);
	ike_payload_end(&w, start);
	return ike_writer_end(&w);
}

static const char two_hex[] = "01020304050607081112131415161718"
			      "28202508" /* first is a nonce */
			      "00000007"
			      "00000035" /* 53 bytes */
			      "29000007010203"
			      "0000001204050607"
			      "08090a0b0c0d0e0f"
			      "7879";

START_TEST(test_writer_links_payloads)
{
	uint8_t buf[128];
	uint32_t len = write_two(buf, sizeof(buf));

	prim_expect((struct ike_span){buf, len}, two_hex, "message");
}
END_TEST

START_TEST(test_writer_stops_at_the_end_of_its_room)
{
	for (uint32_t room = 0; room <= 53; room++) {
		uint8_t *buf = malloc(room ? room : 1);

		ck_assert_ptr_nonnull(buf);
		ck_assert_uint_eq(write_two(buf, room), room == 53 ? 53 : 0);
		free(buf);
	}
}
END_TEST

START_TEST(test_inner_chain_tells_its_first_type)
{
	uint8_t buf[64];
	struct ike_writer w;
	uint32_t start;

	ike_writer_begin_inner(&w, buf, sizeof(buf));
	ck_assert_uint_eq(w.inner_first, IKE_NO_NEXT);
	start = ike_payload_begin(&w, IKE_DELETE);
	ike_payload_end(&w, start);
	start = ike_payload_begin(&w, IKE_NOTIFY);
	ck_assert_ptr_eq(ike_put_gap(&w, 2), buf + 8);
	ike_payload_end(&w, start);
	ck_assert_uint_eq(w.inner_first, IKE_DELETE);
	prim_expect((struct ike_span){buf, w.len}, "29000004000000060000", "chain");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("message");

	tcase_add_test(tc, test_header_gives_every_field);
	tcase_add_test(tc, test_header_refuses_short_and_lying_ones);
	tcase_add_test(tc, test_chain_is_walked_or_refused);
	tcase_add_test(tc, test_chain_is_bounded);
	tcase_add_test(tc, test_payloads_are_found_by_type);
	tcase_add_test(tc, test_writer_links_payloads);
	tcase_add_test(tc, test_writer_stops_at_the_end_of_its_room);
	tcase_add_test(tc, test_inner_chain_tells_its_first_type);
	return prim_run(tc, "ike message");
}
