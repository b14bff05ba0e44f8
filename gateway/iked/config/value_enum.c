/*
 * value_enum.c: values that are one of a few words.
 */
#include "gateway/iked/config/keys.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct choice {
	const char *word;
	int value;
};

/* False, and reported: value is none of the count words. */
static bool choose(struct interpretation *in, const struct config_node *node,
		   const struct choice *choices, unsigned count, int *out)
{
	char words[128] = "";
	size_t used = 0;

	for (unsigned i = 0; i < count; i++) {
		if (!strcasecmp(choices[i].word, node->value)) {
			*out = choices[i].value;
			return true;
		}
	}
	for (unsigned i = 0; i < count && used + 24 < sizeof(words); i++) {
		size_t len = strlen(choices[i].word);

		if (i) {
			memcpy(words + used, ", ", 3);
			used += 2;
		}
		memcpy(words + used, choices[i].word, len + 1);
		used += len;
	}
	config_error(in->report, node, "%s = \"%s\": one of these is wanted: %s", node->name,
		     node->value, words);
	return false;
}

#define CHOOSE(in, node, choices, out) \
	choose(in, node, choices, sizeof(choices) / sizeof((choices)[0]), out)

void take_fragmentation(struct interpretation *in, const struct config_node *node, void *field)
{
	static const struct choice choices[] = {
		{"yes", IKE_FRAGMENT_YES},     {"accept", IKE_FRAGMENT_ACCEPT},
		{"force", IKE_FRAGMENT_FORCE}, {"no", IKE_FRAGMENT_NO},
		{"true", IKE_FRAGMENT_YES},    {"false", IKE_FRAGMENT_NO},
	};
	int value;

	if (CHOOSE(in, node, choices, &value))
		*(enum ike_fragmentation *)field = (enum ike_fragmentation)value;
}

static const struct choice starts[] = {
	{"none", IKE_START_NONE},	{"trap", IKE_START_TRAP},	{"start", IKE_START_START},
	{"trap|start", IKE_START_BOTH}, {"start|trap", IKE_START_BOTH}, {"clear", IKE_START_NONE},
	{"hold", IKE_START_TRAP},	{"restart", IKE_START_START},
};

void take_start(struct interpretation *in, const struct config_node *node, void *field)
{
	int value;

	if (CHOOSE(in, node, starts, &value))
		*(enum ike_start *)field = (enum ike_start)value;
}

void take_keyingtries(struct interpretation *in, const struct config_node *node, void *field)
{
	if (!strcasecmp(node->value, "%forever"))
		*(uint32_t *)field = 0;
	else
		take_u32(in, node, field);
}

void take_unique(struct interpretation *in, const struct config_node *node, void *field)
{
	static const struct choice choices[] = {
		{"no", 0}, {"never", 1}, {"replace", 2}, {"keep", 3}};
	int value;

	if (!CHOOSE(in, node, choices, &value))
		return;
	*(bool *)field = value != 1;
	if (value > 1)
		config_warn(in->report, node,
			    "unique = %s: taken as \"no\", which replaces a peer's IKE SAs when it "
			    "sends INITIAL_CONTACT",
			    node->value);
}

void take_tfc(struct interpretation *in, const struct config_node *node, void *field)
{
	if (!strcasecmp(node->value, "mtu"))
		*(uint32_t *)field = UINT32_MAX;
	else
		take_u32(in, node, field);
}

void take_dscp(struct interpretation *in, const struct config_node *node, void *field)
{
	enum { OUTWARD = 1, INWARD = 2 };
	static const struct choice choices[] = {
		{"out", OUTWARD}, {"in", INWARD}, {"yes", OUTWARD | INWARD}, {"no", 0}};
	struct ike_child_config *child = field;
	int value;

	if (!CHOOSE(in, node, choices, &value))
		return;
	child->hide_dscp = !(value & OUTWARD);
	child->take_dscp = value & INWARD;
}

static bool is_psk(struct interpretation *in, const struct config_node *node)
{
	if (!strcasecmp(node->value, "psk"))
		return true;
	config_error(in->report, node,
		     "auth = \"%s\": only pre-shared keys are spoken here: auth = psk",
		     node->value);
	return false;
}

void take_auth_local(struct interpretation *in, const struct config_node *node, void *field)
{
	(void)field;
	(void)is_psk(in, node);
	in->psk_local = true;
}

void take_auth_remote(struct interpretation *in, const struct config_node *node, void *field)
{
	(void)field;
	(void)is_psk(in, node);
	in->psk_remote = true;
}
