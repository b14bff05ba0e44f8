/*
 * verb_keys.c: "cygnet keys --wireshark DIR": the keys of the SAs that cygnetd has now, for reading
 * a capture. For root only, and cygnetd's log tells of it.
 */
#include "tools/cygnet.h"
#include "tools/iked.h"
#include "tools/wireshark.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int usage(FILE *out, int status)
{
	fputs("usage: cygnet keys --wireshark DIR\n\n"
	      "  Writes the tables esp_sa and, where cygnet-iked runs, ikev2_decryption_table "
	      "into\n"
	      "  DIR, a configuration folder of Wireshark's. Then:\n"
	      "    WIRESHARK_CONFIG_DIR=DIR tshark -o esp.enable_encryption_decode:TRUE -r FILE\n"
	      "  Root only; cygnetd logs it.\n",
	      out);
	return status;
}

struct sa_node {
	struct sa_node *next;
	struct sa_config config;
};

struct key_ring {
	struct sa_node *first;
	unsigned written, left_out;
};

static int collect(void *ctx, const struct xfrm_message *entry)
{
	struct key_ring *ring = ctx;
	struct sa_node *node;

	if (entry->sa.config.larval)
		return 0;
	node = malloc(sizeof(*node));
	if (!node)
		return -ENOMEM;
	node->config = entry->sa.config;
	node->next = ring->first;
	ring->first = node;
	return 0;
}

static void put_rows(FILE *out, void *ctx)
{
	struct key_ring *ring = ctx;

	for (const struct sa_node *node = ring->first; node; node = node->next) {
		if (wireshark_esp_row(out, &node->config))
			ring->written++;
		else
			ring->left_out++;
	}
}

static void forget(struct key_ring *ring)
{
	struct sa_node *node;

	while ((node = ring->first)) {
		ring->first = node->next;
		sa_config_cleanse(&node->config);
		free(node);
	}
}

/* Asks for the keys, and for the line in the log first. */
static int fetch(struct xfrm_client *client, struct key_ring *ring, struct xfrm_error *err)
{
	struct xfrm_message msg = {.type = CYGNET_MSG_TAKEKEYS};
	int rc = xfrm_client_request(client, &msg, err);

	if (rc < 0)
		return rc;
	msg = (struct xfrm_message){.type = XFRM_MSG_GETSA, .dump = true};
	rc = xfrm_client_dump(client, &msg, collect, ring, err);
	if (rc == -ENOMEM)
		(void)xfrm_error_set(err, rc, 0, "%s", strerror(-rc));
	return rc;
}

/* ---- IKE --------------------------------------------------------------------------------------- */

static void add_row(void *ctx, const json_t *answer)
{
	json_t *row = json_object_get(answer, "keys");

	if (json_string_length(row))
		(void)json_array_append(ctx, row); /* one too few is all that can happen */
}

static void put_ike_rows(FILE *out, void *ctx)
{
	size_t i;
	json_t *row;

	json_array_foreach(ctx, i, row) fprintf(out, "%s\n", json_string_value(row));
}

/* Keys of the IKE SAs, if a cygnet-iked runs. */
static int write_ike_table(const char *dir, struct xfrm_error *err)
{
	json_t *rows, *last = NULL;
	int fd = -1, rc;

	if (iked_connect(&fd) < 0)
		return 0;
	rows = json_array();
	rc = iked_ask(fd, json_pack("{s:s}", "verb", "keys"), add_row, rows, 10, &last);
	close(fd);
	if (rc < 0)
		rc = xfrm_error_set(err, rc, 0, "cygnet-iked: %s", strerror(-rc));
	else if (!json_is_true(json_object_get(last, "ok")))
		rc = xfrm_error_set(err, -EPERM, 0, "cygnet-iked: %s",
				    json_string_value(json_object_get(last, "text")));
	else
		rc = wireshark_table_write(dir, "ikev2_decryption_table", put_ike_rows, rows, err);
	if (rc == 0)
		printf("%s/ikev2_decryption_table: keys of %zu IKE SAs\n", dir,
		       json_array_size(rows));
	json_decref(last);
	json_decref(rows);
	return rc;
}

static int write_tables(const struct cygnet_options *options, const char *dir)
{
	struct key_ring ring = {0};
	struct xfrm_client *client;
	struct xfrm_error err;
	int rc = xfrm_client_open(options->socket_path, false, &client, &err);

	if (rc == 0) {
		rc = fetch(client, &ring, &err);
		xfrm_client_close(client);
	}
	if (rc == 0)
		rc = wireshark_table_write(dir, "esp_sa", put_rows, &ring, &err);
	forget(&ring);
	if (rc == 0)
		rc = write_ike_table(dir, &err);
	if (rc < 0) {
		fprintf(stderr, "cygnet: keys: %s\n", err.text);
		return EXIT_FAILURE;
	}
	printf("%s/esp_sa: keys of %u SAs", dir, ring.written);
	if (ring.left_out)
		printf(", %u left out: Wireshark lacks their ciphers", ring.left_out);
	putchar('\n');
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int verb_keys(const struct cygnet_options *options, int argc, char **argv)
{
	static const struct option long_options[] = {
		{"wireshark", required_argument, NULL, 'w'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	const char *dir = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (option == 'w')
			dir = optarg;
		else
			return option == 'h' ? usage(stdout, EXIT_SUCCESS)
					     : usage(stderr, EXIT_FAILURE);
	}
	if (optind < argc || !dir || !dir[0])
		return usage(stderr, EXIT_FAILURE);
	return write_tables(options, dir);
}
