/*
 * status_ike.c: IKE SAs and their children for people, from cygnet-iked's JSON.
 */
#include "tools/iked.h"
#include "tools/status.h"

#include <inttypes.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void print_seconds(FILE *out, const char *before, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_integer(value))
		fprintf(out, "%s%" JSON_INTEGER_FORMAT " s", before, json_integer_value(value));
}

static void print_selectors(FILE *out, const json_t *list)
{
	size_t i;
	json_t *item;

	json_array_foreach(list, i, item)
		fprintf(out, "%s%s", i ? ", " : "", json_string_value(item));
}

static void print_count(FILE *out, const char *what, const json_t *child, const char *bytes,
			const char *packets)
{
	const json_t *count = json_object_get(child, packets);

	if (json_is_integer(count))
		fprintf(out, ", %s %" JSON_INTEGER_FORMAT " packets %" JSON_INTEGER_FORMAT " bytes",
			what, json_integer_value(count),
			json_integer_value(json_object_get(child, bytes)));
}

static void print_child(FILE *out, const json_t *child)
{
	fprintf(out, "  %s: %s, ", text_of(child, "name"), text_of(child, "state"));
	print_selectors(out, json_object_get(child, "local_ts"));
	fputs(" === ", out);
	print_selectors(out, json_object_get(child, "remote_ts"));
	fprintf(out, "\n    %s%s%s, SPIs 0x%s in, 0x%s out", text_of(child, "suite"),
		json_is_true(json_object_get(child, "esn")) ? " ESN" : "",
		json_is_true(json_object_get(child, "udp")) ? " in UDP" : "",
		text_of(child, "spi_in"), text_of(child, "spi_out"));
	print_seconds(out, "\n    up ", child, "age");
	print_seconds(out, ", new keys in ", child, "rekey_in");
	print_count(out, "in", child, "bytes_in", "packets_in");
	print_count(out, "out", child, "bytes_out", "packets_out");
	fputc('\n', out);
}

static void print_sa(FILE *out, const json_t *sa)
{
	const json_t *children = json_object_get(sa, "children");
	size_t i;
	json_t *child;

	fprintf(out, "%s: %s", text_of(sa, "connection"), text_of(sa, "state"));
	if (json_object_get(sa, "local")) {
		fprintf(out, ", %s %s ... %s %s", text_of(sa, "local"), text_of(sa, "local_id"),
			text_of(sa, "remote"), text_of(sa, "remote_id"));
		if (*text_of(sa, "suite"))
			fprintf(out, "\n  %s", text_of(sa, "suite"));
		print_seconds(out, ", up ", sa, "age");
		print_seconds(out, ", new keys in ", sa, "rekey_in");
		if (json_array_size(json_object_get(sa, "vips"))) {
			fputs(", virtual address ", out);
			print_selectors(out, json_object_get(sa, "vips"));
		}
	}
	fputc('\n', out);
	json_array_foreach(children, i, child) print_child(out, child);
}

void status_print_ike(FILE *out, const json_t *ike)
{
	size_t i;
	json_t *sa;

	fputs("\nIKE\n", out);
	json_array_foreach(ike, i, sa) print_sa(out, sa);
	if (!json_array_size(ike))
		fputs("no connections\n", out);
}
