/*
 * value_crypto.c: proposals and secrets. What a secret is never comes into a message.
 */
#include "gateway/iked/config/keys.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static void take_proposals(struct interpretation *in, const struct config_node *node,
			   enum ike_protocol protocol, struct ike_proposal *proposals,
			   unsigned *count)
{
	const char *at = node->value;
	char word[IKE_PROPOSAL_TEXT_MAX], why[160];
	bool cut;

	*count = 0;
	while (config_next_word(&at, word, sizeof(word), &cut)) {
		bool standard = !strcasecmp(word, "default");

		if (*count + (standard ? 2 : 1) > IKE_PROPOSALS_MAX) {
			config_error(in->report, node, "%s: more than %d", node->name,
				     IKE_PROPOSALS_MAX);
			return;
		}
		if (standard)
			*count += ike_proposal_default(protocol, proposals + *count);
		else if (cut)
			config_error(in->report, node, "%s: one of them is too long", node->name);
		else if (ike_proposal_parse(word, protocol, &proposals[*count], why) < 0)
			config_error(in->report, node, "%s: \"%.128s\": %s", node->name, word, why);
		else
			(*count)++;
	}
}

void take_ike_proposals(struct interpretation *in, const struct config_node *node, void *field)
{
	struct ike_connection *conn = field;

	conn->proposals_line = node->line;
	take_proposals(in, node, IKE_PROTO_IKE, conn->proposals, &conn->proposal_count);
}

void take_esp_proposals(struct interpretation *in, const struct config_node *node, void *field)
{
	struct ike_child_config *child = field;

	take_proposals(in, node, IKE_PROTO_ESP, child->proposals, &child->proposal_count);
}

/* ---- secrets ---------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int base64_digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static bool add_byte(struct ike_secret *secret, unsigned byte)
{
	if (secret->len >= IKE_SECRET_MAX)
		return false;
	secret->key[secret->len++] = (uint8_t)byte;
	return true;
}

/* An odd number of digits has a zero before it. */
static bool parse_hex(const char *text, struct ike_secret *secret)
{
	bool half = strlen(text) % 2;
	int high = 0;

	for (; *text; text++, half = !half) {
		int digit = hex_digit(*text);

		if (digit < 0)
			return false;
		if (half && !add_byte(secret, (unsigned)(high << 4 | digit)))
			return false;
		high = half ? 0 : digit;
	}
	return true;
}

static bool parse_base64(const char *text, struct ike_secret *secret)
{
	unsigned bits = 0, held = 0;

	for (; *text && *text != '='; text++) {
		int digit = base64_digit(*text);

		if (digit < 0)
			return false;
		held = (held << 6 | (unsigned)digit) & 0xffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			if (!add_byte(secret, held >> bits & 0xff))
				return false;
		}
	}
	return strspn(text, "=") == strlen(text) && strlen(text) <= 2 && bits < 6;
}

static bool parse_text(const char *text, struct ike_secret *secret)
{
	for (; *text; text++) {
		if (!add_byte(secret, (uint8_t)*text))
			return false;
	}
	return true;
}

void take_secret(struct interpretation *in, const struct config_node *node, void *field)
{
	struct ike_secret *secret = field;
	const char *text = node->value;
	bool ok;

	secret->len = 0;
	if (!strncasecmp(text, "0x", 2))
		ok = parse_hex(text + 2, secret);
	else if (!strncasecmp(text, "0s", 2))
		ok = parse_base64(text + 2, secret);
	else
		ok = parse_text(text, secret);
	if (!ok || !secret->len)
		config_error(in->report, node,
			     "the secret is empty, longer than %d octets, or not the hexadecimal "
			     "(0x) or base64 (0s) it begins as",
			     IKE_SECRET_MAX);
	else if (secret->len < 20)
		config_warn(in->report, node,
			    "a secret of %u octets can be guessed by who recorded a handshake: 20 "
			    "random ones are the least",
			    secret->len);
}

void take_secret_id(struct interpretation *in, const struct config_node *node, void *field)
{
	struct ike_secret *secret = field;
	struct ike_id id = {0};

	if (secret->id_count >= IKE_SECRET_IDS_MAX) {
		config_error(in->report, node, "more than %d identities of one secret",
			     IKE_SECRET_IDS_MAX);
		return;
	}
	take_id(in, node, &id);
	if (id.type)
		secret->ids[secret->id_count++] = id;
}
