/*
 * value_plain.c: numbers, times and truths.
 */
#include "gateway/iked/config/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool config_next_word(const char **at, char *buf, size_t size, bool *cut)
{
	const char *text = *at;
	size_t len, keep;

	text += strspn(text, ", \t\r\n");
	*at = text;
	if (!*text)
		return false;
	len = strcspn(text, ",");
	*at = text + len;
	while (len && strchr(" \t\r\n", text[len - 1]))
		len--;
	keep = len < size ? len : size - 1;
	memcpy(buf, text, keep);
	buf[keep] = '\0';
	*cut = keep < len;
	return true;
}

static bool parse_bool(const char *text, bool *out)
{
	if (config_value_in(text, "yes,true,1,enabled") && *text)
		*out = true;
	else if (config_value_in(text, "no,false,0,disabled") && *text)
		*out = false;
	else
		return false;
	return true;
}

void take_bool(struct interpretation *in, const struct config_node *node, void *field)
{
	if (!parse_bool(node->value, field))
		config_error(in->report, node, "%s = \"%s\": yes or no is wanted", node->name,
			     node->value);
}

void take_not_bool(struct interpretation *in, const struct config_node *node, void *field)
{
	bool said = true;

	if (!parse_bool(node->value, &said))
		config_error(in->report, node, "%s = \"%s\": yes or no is wanted", node->name,
			     node->value);
	*(bool *)field = !said;
}

/* Digits, hexadecimal behind 0x, and at most one letter of units, whose factor is at the same place
 * in factors. */
static bool parse_number(const char *text, const char *units, const uint64_t *factors,
			 uint64_t *out)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *unit;
	uint64_t factor = 1;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*out = strtoull(text, &end, hex ? 16 : 10);
	if (errno || end == text || (hex && end == text + 1))
		return false;
	if (*end) {
		unit = strchr(units, *end | 0x20);
		if (!unit || end[1])
			return false;
		factor = factors[unit - units];
	}
	if (*out > (UINT64_MAX - 1) / factor)
		return false;
	*out *= factor;
	return true;
}

static bool in_range(struct interpretation *in, const struct config_node *node, const char *units,
		     const uint64_t *factors, uint64_t max, uint64_t *out)
{
	if (parse_number(node->value, units, factors, out) && *out <= max)
		return true;
	if (*units)
		config_error(in->report, node,
			     "%s = \"%s\": a number is wanted, which may end in one of \"%s\"",
			     node->name, node->value, units);
	else
		config_error(in->report, node, "%s = \"%s\": a number up to %llu is wanted",
			     node->name, node->value, (unsigned long long)max);
	return false;
}

void take_u32(struct interpretation *in, const struct config_node *node, void *field)
{
	uint64_t value;

	if (in_range(in, node, "", NULL, UINT32_MAX, &value))
		*(uint32_t *)field = (uint32_t)value;
}

void take_window(struct interpretation *in, const struct config_node *node, void *field)
{
	uint64_t value;

	if (in_range(in, node, "", NULL, ESP_WINDOW_MAX, &value))
		*(uint32_t *)field = (uint32_t)value;
}

void take_port(struct interpretation *in, const struct config_node *node, void *field)
{
	uint64_t value;

	if (in_range(in, node, "", NULL, UINT16_MAX, &value))
		*(uint16_t *)field = (uint16_t)value;
}

void take_fragment_size(struct interpretation *in, const struct config_node *node, void *field)
{
	uint64_t value;

	if (!in_range(in, node, "", NULL, UINT16_MAX, &value))
		return;
	if (value && value < 576)
		config_error(in->report, node, "%s = %s: 576 is the least", node->name,
			     node->value);
	else
		*(uint16_t *)field = (uint16_t)value;
}

void take_amount(struct interpretation *in, const struct config_node *node, void *field)
{
	static const uint64_t factors[] = {1000, 1000000, 1000000000};
	uint64_t value;

	if (in_range(in, node, "kmg", factors, UINT64_MAX / 4, &value))
		*(uint64_t *)field = value;
}

static const uint64_t seconds[] = {1, 60, 3600, 86400};

void take_time(struct interpretation *in, const struct config_node *node, void *field)
{
	uint64_t value;

	if (in_range(in, node, "smhd", seconds, UINT32_MAX, &value))
		*(uint64_t *)field = value;
}

void take_time_u32(struct interpretation *in, const struct config_node *node, void *field)
{
	uint64_t value;

	if (in_range(in, node, "smhd", seconds, UINT32_MAX, &value))
		*(uint32_t *)field = (uint32_t)value;
}

/* A decimal fraction up to 1000, in thousandths. */
static bool parse_thousandths(const char *text, uint32_t *out)
{
	uint32_t whole = 0, part = 0, scale = 100;

	if (*text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++) {
		whole = whole * 10 + (uint32_t)(*text - '0');
		if (whole > 1000)
			return false;
	}
	if (*text == '.') {
		for (text++; *text >= '0' && *text <= '9'; text++, scale /= 10)
			part += (uint32_t)(*text - '0') * scale;
	}
	if (*text == 's' && !text[1])
		text++;
	*out = whole * 1000 + part;
	return !*text;
}

void take_time_ms(struct interpretation *in, const struct config_node *node, void *field)
{
	uint32_t value;

	if (parse_thousandths(node->value, &value) && value >= 10)
		*(uint32_t *)field = value;
	else
		config_error(in->report, node, "%s = \"%s\": seconds are wanted, 0.01 to 1000",
			     node->name, node->value);
}

void take_percent(struct interpretation *in, const struct config_node *node, void *field)
{
	uint32_t value;

	if (parse_thousandths(node->value, &value) && value >= 1000 && value <= 10000)
		*(uint32_t *)field = value / 10;
	else
		config_error(in->report, node, "%s = \"%s\": a factor is wanted, 1.0 to 10",
			     node->name, node->value);
}
