/*
 * tests/fuzz/fuzz_iked_config.c: any text as cygnet.conf: scanner, grammar, inheritance, and every
 * value. Beyond not crashing: what is taken obeys the bounds of its structures, what is refused was
 * explained.
 */
#include "gateway/iked/config/config.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void say(void *ctx, bool error, const char *text)
{
	(void)ctx;
	(void)error;
	assert(text[0] && strlen(text) < CONFIG_MESSAGE_MAX);
}

static void check(const struct iked_config *config)
{
	for (unsigned i = 0; i < config->ike.connection_count; i++) {
		const struct ike_connection *c = &config->ike.connections[i];

		assert(c->name[0] && c->proposal_count <= IKE_PROPOSALS_MAX);
		assert(c->local_count <= IKE_ADDRS_MAX && c->remote_count <= IKE_ADDRS_MAX);
		for (unsigned k = 0; k < c->child_count; k++) {
			assert(c->children[k].local_ts.count <= IKE_TS_MAX);
			assert(c->children[k].local_ts.count || c->children[k].local_dynamic);
			assert(c->children[k].rekey_bytes != UINT64_MAX);
		}
	}
	for (unsigned i = 0; i < config->ike.secret_count; i++)
		assert(config->ike.secrets[i].len && config->ike.secrets[i].len <= IKE_SECRET_MAX);
	for (unsigned i = 0; i < config->host_count; i++)
		assert(config->hosts[i].connection < config->ike.connection_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_report report = {.say = say};
	struct config_tree *tree = NULL;
	struct iked_config *config = NULL;

	if (config_tree_parse("fuzz", (const char *)data, size, &report, &tree) < 0) {
		assert(report.errors);
		return 0;
	}
	if (iked_config_interpret(tree, &report, &config) == 0)
		check(config);
	else
		assert(report.errors);
	iked_config_free(config);
	config_tree_free(tree);
	return 0;
}
