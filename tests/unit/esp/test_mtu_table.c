/*
 * tests/unit/esp/test_mtu_table.c: the table in docs/mtu.md is what esp_inner_mtu says. With the
 * argument "print" it prints the table, to be put there.
 */
#include "esp/esp.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIRE = 1500, ROWS_MAX = 128, ROW_MAX = 128, TEXT_MAX = ROWS_MAX * ROW_MAX };

static const char begin_mark[] = "<!-- table -->\n", end_mark[] = "<!-- end -->";

struct row {
	char name[64];
	uint32_t raw4, udp4, raw6, udp6;
};

/* Sizes do not depend on the key's: "AES-128-GCM-16" becomes "AES-GCM-16". */
static void strip_key_size(char *name)
{
	static const char *const sizes[] = {"AES-128", "AES-192", "AES-256"};

	for (unsigned i = 0; i < 3; i++) {
		if (strncmp(name, sizes[i], 7) == 0)
			memmove(name + 3, name + 7, strlen(name + 7) + 1);
	}
}

static struct row row_of(const struct esp_suite *suite)
{
	struct row row = {
		.raw4 = esp_inner_mtu(suite, ESP_ENCAP_NONE, AF_INET, WIRE),
		.udp4 = esp_inner_mtu(suite, ESP_ENCAP_UDP, AF_INET, WIRE),
		.raw6 = esp_inner_mtu(suite, ESP_ENCAP_NONE, AF_INET6, WIRE),
		.udp6 = esp_inner_mtu(suite, ESP_ENCAP_UDP, AF_INET6, WIRE),
	};

	(void)esp_suite_name(suite, row.name);
	strip_key_size(row.name);
	return row;
}

static bool agree(const struct row *a, const struct row *b)
{
	return a->raw4 == b->raw4 && a->udp4 == b->udp4 && a->raw6 == b->raw6 && a->udp6 == b->udp6;
}

/* One row a name; 0 if rows of one name disagree. */
static unsigned make_rows(struct row rows[static ROWS_MAX])
{
	struct esp_suite suite;
	unsigned count = 0, at;

	for (unsigned i = 0; esp_suite_at(i, &suite); i++) {
		struct row row = row_of(&suite);

		for (at = 0; at < count && strcmp(rows[at].name, row.name) != 0; at++)
			;
		if (at == ROWS_MAX || (at < count && !agree(&rows[at], &row)))
			return 0;
		if (at == count)
			rows[count++] = row;
	}
	return count;
}

static bool make_table(char text[static TEXT_MAX])
{
	static struct row rows[ROWS_MAX];
	unsigned count = make_rows(rows);
	int len = snprintf(
		text, TEXT_MAX,
		"| suite | IPv4 | IPv4, UDP | IPv6 | IPv6, UDP |\n|---|---|---|---|---|\n");

	for (unsigned i = 0; i < count; i++)
		len += snprintf(text + len, (size_t)(TEXT_MAX - len),
				"| %s | %u | %u | %u | %u |\n", rows[i].name, rows[i].raw4,
				rows[i].udp4, rows[i].raw6, rows[i].udp6);
	return count > 0;
}

START_TEST(test_mtu_table_of_the_manual_is_right)
{
	static char want[TEXT_MAX], have[4 * TEXT_MAX];
	FILE *doc = fopen(MTU_DOC, "r");
	char *begin, *end;

	ck_assert_msg(doc != NULL, "no %s", MTU_DOC);
	have[fread(have, 1, sizeof(have) - 1, doc)] = 0;
	(void)fclose(doc);
	begin = strstr(have, begin_mark);
	end = begin ? strstr(begin, end_mark) : NULL;
	ck_assert_msg(begin && end, "%s has no table", MTU_DOC);
	*end = 0;
	ck_assert(make_table(want));
	ck_assert_str_eq(begin + strlen(begin_mark), want);
}
END_TEST

int main(int argc, char **argv)
{
	static char text[TEXT_MAX];
	Suite *suite;
	TCase *tc;
	SRunner *runner;
	int failed;

	if (argc == 2 && strcmp(argv[1], "print") == 0) {
		if (!make_table(text))
			return EXIT_FAILURE;
		fputs(text, stdout);
		return EXIT_SUCCESS;
	}
	suite = suite_create("mtu table");
	tc = tcase_create("mtu table");
	runner = srunner_create(suite);
	tcase_add_test(tc, test_mtu_table_of_the_manual_is_right);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
