/*
 * check.c: what a configuration will do, in words.
 */
#include "gateway/iked/check.h"

#include "gateway/iked/report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- what it will do -------------------------------------------------------------------------------------------- */

static void print_addrs(const struct iked_config *config, unsigned index, bool local)
{
	const struct ike_connection *c = &config->ike.connections[index];
	const struct ip_prefix *list = local ? c->local : c->remote;
	unsigned count = local ? c->local_count : c->remote_count;
	const char *separator = "";
	char text[IP_ADDR_TEXT_MAX];

	for (unsigned i = 0; i < count; i++, separator = ", ") {
		printf("%s%s", separator, ip_addr_format(&list[i].addr, text));
		if (list[i].len != ip_addr_bits(&list[i].addr))
			printf("/%u", list[i].len);
	}
	for (unsigned i = 0; i < config->host_count; i++) {
		const struct iked_host *host = &config->hosts[i];

		if (host->connection == index && host->local == local) {
			printf("%s%s", separator, host->name);
			separator = ", ";
			count++;
		}
	}
	if (!count)
		printf("any address");
}

static void print_proposals(const struct ike_proposal *list, unsigned count)
{
	char text[IKE_PROPOSAL_TEXT_MAX];

	for (unsigned i = 0; i < count; i++)
		printf("%s%s", i ? ", " : "", ike_proposal_format(&list[i], text, sizeof(text)));
	printf("\n");
}

static void print_selectors(const struct ike_ts_list *list, bool dynamic)
{
	char text[IKE_TS_TEXT_MAX];

	for (unsigned i = 0; i < list->count; i++)
		printf("%s%s", i ? ", " : "", ike_ts_format(&list->at[i], text));
	if (dynamic)
		printf("%sthe end's own address", list->count ? ", " : "");
}

static const char *start_words(enum ike_start start)
{
	switch (start) {
	case IKE_START_TRAP:
		return "comes up when a packet wants it";
	case IKE_START_START:
		return "comes up at once";
	case IKE_START_BOTH:
		return "comes up at once, and when a packet wants it";
	case IKE_START_NONE:
		break;
	}
	return "comes up when asked for (cygnet up), or by the peer";
}

static void print_child(const struct ike_child_config *child)
{
	printf("  child %s: ", child->name);
	print_selectors(&child->local_ts, child->local_dynamic);
	printf(" === ");
	print_selectors(&child->remote_ts, child->remote_dynamic);
	printf("\n    %s\n    proposals ", start_words(child->start_action));
	print_proposals(child->proposals, child->proposal_count);
	printf("    new keys after %llu s, the end after %llu s\n",
	       (unsigned long long)child->rekey_time_s, (unsigned long long)child->life_time_s);
}

static void print_connection(const struct iked_config *config, unsigned index)
{
	const struct ike_connection *c = &config->ike.connections[index];
	char local[IKE_ID_TEXT_MAX], remote[IKE_ID_TEXT_MAX];

	printf("connection %s: ", c->name);
	print_addrs(config, index, true);
	printf(" ... ");
	print_addrs(config, index, false);
	printf("\n  we say we are %s, and the peer must be %s\n  proposals ",
	       c->local_id.type ? ike_id_format(&c->local_id, local) : "our address",
	       c->remote_id.type ? ike_id_format(&c->remote_id, remote)
				 : "anybody with the secret");
	print_proposals(c->proposals, c->proposal_count);
	for (unsigned i = 0; i < c->child_count; i++)
		print_child(&c->children[i]);
}

/* ---- what a kernel cannot do ------------------------------------------------------------------------------------ */

enum { KERNEL_REPLAY_WINDOW_MAX = 4096 }; /* XFRMA_REPLAY_ESN_MAX, in packets */

static bool has_implicit_iv(const struct ike_child_config *child)
{
	unsigned i = 0;

	while (i < child->proposal_count && !ike_proposal_has_implicit_iv(&child->proposals[i]))
		i++;
	return i < child->proposal_count;
}

static void kernel_error(struct config_report *report, const struct ike_connection *c,
			 const struct ike_child_config *child, const char *what)
{
	config_error(report, NULL, "%s:%u: child %s of connection %s: %s", c->file, child->line,
		     child->name, c->name, what);
}

int iked_check_for_kernel(const struct iked_config *config, struct config_report *report)
{
	int rc = 0;

	for (unsigned i = 0; i < config->ike.connection_count; i++) {
		const struct ike_connection *c = &config->ike.connections[i];

		for (unsigned k = 0; k < c->child_count; k++) {
			const struct ike_child_config *child = &c->children[k];
			bool implicit = has_implicit_iv(child),
			     wide = child->replay_window > KERNEL_REPLAY_WINDOW_MAX;

			if (implicit)
				kernel_error(report, c, child,
					     "esp_proposals has an implicit IV (RFC 8750), which "
					     "kernels do not do");
			if (wide)
				kernel_error(
					report, c, child,
					"replay_window is above 4096, the most a kernel takes");
			if (implicit || wide)
				rc = -EINVAL;
		}
	}
	return rc;
}

/* ---- a file ------------------------------------------------------------------------------------------------------- */

int iked_check(const struct iked_options *options)
{
	struct config_report report = report_to_stderr();
	struct config_tree *tree = NULL;
	struct iked_config *config = NULL;
	int rc = config_tree_read(options->config_path, &report, &tree);

	if (!rc)
		rc = iked_config_interpret(tree, &report, &config);
	if (!rc && options->kernel)
		rc = iked_check_for_kernel(config, &report);
	config_tree_free(tree);
	if (rc) {
		printf("%s: %u errors, %u warnings\n", options->config_path, report.errors,
		       report.warnings);
		iked_config_free(config);
		return rc;
	}
	for (unsigned i = 0; i < config->ike.connection_count; i++)
		print_connection(config, i);
	printf("%s: right, %u warnings\n", options->config_path, report.warnings);
	iked_config_free(config);
	return 0;
}
