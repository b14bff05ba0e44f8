/* tests/unit/gateway/test_iked_config.c: cygnet.conf: its grammar, its keys, and what is said about
 * what is wrong. */
#include "gateway/iked/config/config.h"
#include "gateway/iked/config/keys.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static char said[8192];

static void say(void *ctx, bool error, const char *text)
{
	size_t used = strlen(said);

	(void)ctx;
	snprintf(said + used, sizeof(said) - used, "%c %s\n", error ? 'E' : 'W', text);
}

static struct config_report report(void)
{
	said[0] = '\0';
	return (struct config_report){.say = say};
}

/* ---- grammar ---------------------------------------------------------------------------------- */

static void flatten(const struct config_node *section, char *out, size_t size)
{
	for (const struct config_node *n = section->first; n; n = n->next) {
		size_t used = strlen(out);

		if (n->value) {
			snprintf(out + used, size - used, "%s=<%s> ", n->name, n->value);
			continue;
		}
		snprintf(out + used, size - used, "%s{ ", n->name);
		flatten(n, out, size);
		used = strlen(out);
		snprintf(out + used, size - used, "} ");
	}
}

static void check_tree(const char *text, const char *want)
{
	struct config_report r = report();
	struct config_tree *tree = NULL;
	char out[4096] = "";

	if (config_tree_parse("f", text, strlen(text), &r, &tree) == 0)
		flatten(config_tree_root(tree), out, sizeof(out));
	config_tree_free(tree);
	ck_assert_msg(!strcmp(r.errors ? said : out, want), "%s\n  gave   %s\n  wanted %s", text,
		      r.errors ? said : out, want);
}

START_TEST(test_grammar_makes_a_tree)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"", ""},
		{"# nothing\n\n", ""},
		{"a = b", "a=<b> "},
		{"a=b\r\n", "a=<b> "},
		{"a = b c   d # e\n", "a=<b c d> "},
		{"a =\nb = c", "a=<> b=<c> "},
		{"a = \"b  # } {\\\" \\\\ \\n\"", "a=<b  # } {\" \\ \n> "},
		{"a = \"b\nc\"\nd = e", "a=<b\nc> d=<e> "},
		{"a = b,c = d", "a=<b,c = d> "},
		{"a = x \"y  z\"", "a=<x y  z> "},
		{"a = b { c", "a=<b { c> "},
		{"s { a = b }", "s{ a=<b> } "},
		{"s\n{\na = b\n}\nt { u { } }", "s{ a=<b> } t{ u{ } } "},
		{"s { a = b\n c = d } s { a = e }", "s{ a=<e> c=<d> } "},
		{"a = b\na = c", "a=<c> "},
		{"10.0.0.1-x_y { }", "10.0.0.1-x_y{ } "},
		{"s { a = 1\nb = 2 } t : s { b = 3 }", "s{ a=<1> b=<2> } t{ b=<3> a=<1> } "},
		{"t : s, q.r { }\ns { a = 1 } q { r { a = 2\n b { c = 4 } } }",
		 "t{ a=<1> b{ c=<4> } } s{ a=<1> } q{ r{ a=<2> b{ c=<4> } } } "},
		{"a : b { } b : c { } c { x = 1 }", "a{ x=<1> } b{ x=<1> } c{ x=<1> } "},
		{"includes = b", "includes=<b> "},
		/* What is wrong. */
		{"a", "E f:1: syntax error, unexpected end of file, expecting '=' or '{' or ':'\n"},
		{"a = b\n}", "E f:2: syntax error, unexpected '}', expecting end of file or a name "
			     "or include\n"},
		{"s {\na = b\n", "E f:3: syntax error, unexpected end of file, expecting a name or "
				 "include or '}'\n"},
		{"= b", "E f:1: syntax error, unexpected '=', expecting end of file or a name or "
			"include\n"},
		{"a = \"secret", "E f:1: a quoted string does not end\n"},
		{"a \"secret\"", "E f:1: a character that has no place here\n"},
		{"include /etc/x", "E f:1: include has no place here\n"},
		{"a = b\na { }", "E f:2: this has a value elsewhere, and cannot be a section\n"},
		{"a { b = c }\na = b",
		 "E f:2: this is a section elsewhere, and cannot have a value\n"},
		{"a : b { }", "E f:1: \"a\" inherits from \"b\", which is no section\n"},
		{"a : a { }", "E f:1: \"a\" inherits from itself\n"},
		{"a : b { }\nb : a { }", "E f:2: \"b\" inherits from itself\n"},
		{"a { b : a { } }", "E f:1: \"b\" inherits from itself\n"},
		{"a{b{c{d{e{f{g{h{i{j{k{l{m{n{o{p{q{ }}}}}}}}}}}}}}}}}",
		 "E f:1: too many sections and keys, or too deep ones\n"},
	};

	for (size_t i = 0; i < LENGTH(rows); i++)
		check_tree(rows[i].text, rows[i].want);
}
END_TEST

START_TEST(test_grammar_bounds_words_and_nodes)
{
	static char text[CONFIG_VALUE_MAX + 64];
	struct config_report r = report();
	struct config_tree *tree = NULL;

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(config_tree_parse("f", text, strlen(text), &r, &tree), -EINVAL);
	ck_assert_ptr_nonnull(strstr(said, "a name longer than 255"));
	r = report();
	memcpy(text, "a =", 3);
	ck_assert_int_eq(config_tree_parse("f", text, strlen(text), &r, &tree), -EINVAL);
	ck_assert_ptr_nonnull(strstr(said, "a value longer than 4096"));
	ck_assert_ptr_null(strstr(said, "xxx"));
	r = report();
	ck_assert_int_eq(config_tree_parse("f", "a\0b = c", 7, &r, &tree), -EINVAL);
	ck_assert_ptr_nonnull(strstr(said, "NUL"));
	/* Each line doubles what there is. */
	r = report();
	text[0] = '\0';
	snprintf(text, sizeof(text), "s0 { a { } b { } }\n");
	for (int i = 1; i < 40; i++) {
		size_t used = strlen(text);

		snprintf(text + used, sizeof(text) - used, "s%d { a : s%d { }\nb : s%d { } }\n", i,
			 i - 1, i - 1);
	}
	ck_assert_int_eq(config_tree_parse("f", text, strlen(text), &r, &tree), -EINVAL);
	ck_assert_ptr_nonnull(strstr(said, "too many sections"));
}
END_TEST

static char folder[64];

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert(fputs(text, file) >= 0 && fclose(file) == 0);
}

static void check_files(const char *want)
{
	struct config_report r = report();
	struct config_tree *tree = NULL;
	char out[4096] = "", path[128], *at;

	snprintf(path, sizeof(path), "%s/main", folder);
	if (config_tree_read(path, &r, &tree) == 0)
		flatten(config_tree_root(tree), out, sizeof(out));
	config_tree_free(tree);
	/* The folder has another name each time. */
	while ((at = strstr(said, folder)))
		memmove(at, at + strlen(folder), strlen(at + strlen(folder)) + 1);
	ck_assert_msg(!strcmp(r.errors ? said : out, want), "gave   %s\n  wanted %s",
		      r.errors ? said : out, want);
}

START_TEST(test_include_reads_files)
{
	snprintf(folder, sizeof(folder), "/tmp/cygnet-config.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	write_file("one.conf", "a = 1\n");
	write_file("two.conf", "a = 2\nb = 2\n");
	write_file("main", "include *.conf\nc = 3\n");
	check_files("a=<2> b=<2> c=<3> ");
	write_file("main", "s {\n include \"one.conf\" # here\n}\ninclude none/*.conf\n");
	check_files("s{ a=<1> } ");
	write_file("main", "a = b\ninclude three.conf\n");
	check_files("E /main:2: /three.conf: No such file or directory\n");
	write_file("main", "include main\n");
	check_files("E /main:1: files include each other too deep\n");
	write_file("two.conf", "x {\n");
	write_file("main", "include two.conf\n");
	check_files("E /two.conf:2: syntax error, unexpected end of file, expecting a name or "
		    "include or '}'\n");
	write_file("main", "include .\n");
	check_files("E /main:1: /.: Is a directory\n");
	for (size_t i = 0; i < 3; i++) {
		static const char *const names[] = {"main", "one.conf", "two.conf"};
		char path[128];

		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		ck_assert_int_eq(unlink(path), 0);
	}
	ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

/* ---- keys ------------------------------------------------------------------------------------- */

static struct iked_config *load(const char *text)
{
	struct config_report r = report();
	struct config_tree *tree = NULL;
	struct iked_config *config = NULL;
	int rc = config_tree_parse("f", text, strlen(text), &r, &tree);

	if (!rc)
		rc = iked_config_interpret(tree, &r, &config);
	config_tree_free(tree);
	ck_assert_int_eq(rc == 0, config != NULL);
	ck_assert_int_eq(rc == 0, r.errors == 0);
	return config;
}

#define SECRET "secrets { ike { secret = 0123456789012345678901234567 } }\n"
#define PEER(keys, child)                                                       \
	"connections { c { local { auth = psk }\n remote { auth = psk }\n" keys \
	"\nchildren { n {\n" child "\n} } } }\n" SECRET

START_TEST(test_config_has_strongswans_defaults)
{
	struct iked_config *config = load(PEER("", ""));
	const struct ike_connection *c;
	const struct ike_child_config *n;

	ck_assert_str_eq(said, "");
	ck_assert_ptr_nonnull(config);
	ck_assert_uint_eq(config->ike.connection_count, 1);
	c = &config->ike.connections[0];
	ck_assert_str_eq(c->name, "c");
	ck_assert_str_eq(c->file, "f");
	ck_assert_uint_eq(c->line, 1);
	ck_assert_uint_eq(c->local_count + c->remote_count, 0);
	ck_assert_uint_eq(c->local_id.type + c->remote_id.type, 0);
	ck_assert_uint_eq(c->proposal_count, 2);
	ck_assert_uint_eq(c->rekey_time_s, 14400);
	ck_assert_uint_eq(c->over_time_s, 1440);
	ck_assert_uint_eq(c->rand_time_s, 1440);
	ck_assert_uint_eq(c->keyingtries, 1);
	ck_assert(c->initial_contact && !c->encap && c->fragmentation == IKE_FRAGMENT_YES);
	ck_assert_uint_eq(config->ike.keepalive_s, 20);
	ck_assert_uint_eq(c->child_count, 1);
	n = &c->children[0];
	ck_assert_str_eq(n->name, "n");
	ck_assert(n->local_dynamic && n->remote_dynamic && !n->local_ts.count);
	ck_assert_uint_eq(n->dynamic_local.port_to, 65535);
	ck_assert_uint_eq(n->rekey_time_s, 3600);
	ck_assert_uint_eq(n->life_time_s, 3960);
	ck_assert_uint_eq(n->rand_time_s, 360);
	ck_assert_uint_eq(n->rekey_bytes + n->life_bytes + n->rand_packets, 0);
	ck_assert_uint_eq(n->replay_window, 32);
	ck_assert(!n->clear_df && !n->no_ecn && !n->hide_dscp && !n->take_dscp && !n->no_policies);
	ck_assert_uint_eq(n->start_action + n->dpd_action + n->close_action, 0);
	ck_assert_uint_eq(n->proposal_count, 2);
	iked_config_free(config);
}
END_TEST

static const char everything[] =
	"connections {\n"
	"  defaults-none { local { auth = psk }\n remote { auth = psk } children { x { } } }\n"
	"  office {\n"
	"    version = 2\n local_addrs = 192.0.2.1, 2001:db8::1\n"
	"    remote_addrs = office-b.example.org, 198.51.100.0/24\n"
	"    local_port = 500\n remote_port = 4500\n"
	"    proposals = aes256gcm16-prfsha384-ecp384, default\n"
	"    mobike = no\n encap = yes\n dpd_delay = 2m\n dpd_timeout = 150s\n"
	"    fragmentation = force\n rekey_time = 1d\n over_time = 2h\n rand_time = 30\n"
	"    keyingtries = %forever\n unique = never\n reauth_time = 0s\n"
	"    ppk_id = quantum\n ppk_required = yes\n"
	"    vips = 0.0.0.0, ::\n pools = four, six\n"
	"    local-1 { auth = psk\n id = @office-a.example.org }\n"
	"    remote-1 { auth = PSK\n id = moon@example.org }\n"
	"    children {\n"
	"      net : lan {\n"
	"        esp_proposals = aes128gcm16-x25519\n mode = TUNNEL\n"
	"        local_ts = 10.1.0.0/16, 10.9.0.5-10.9.0.9, dynamic[udp/53]\n"
	"        remote_ts = fd00::/8[tcp/80]\n"
	"        start_action = trap|start\n dpd_action = restart\n close_action = trap\n"
	"        rekey_time = 10m\n life_time = 1h\n rekey_bytes = 5g\n life_packets = 1100\n"
	"        reqid = 0x10\n replay_window = 128\n tfc_padding = mtu\n priority = 77\n"
	"        policies = no\n copy_df = no\n copy_ecn = no\n copy_dscp = in\n"
	"        updown = /bin/true\n rekey_preflight = yes\n"
	"      }\n"
	"    }\n"
	"  }\n"
	"}\n"
	"lan { }\n"
	"secrets {\n"
	"  ike-1 { id-1 = office-a.example.org\n id-b = moon@example.org\n"
	"    secret = 0sMDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nw== }\n"
	"  ikeother { secret = 0x3132333435363738393031323334353637383930ff }\n"
	"  ppk { id = quantum\n secret = \"0 long enough a secret, really\" }\n"
	"  eap-x { id = you\n secret = me }\n"
	"}\n"
	"pools { four { addrs = 10.3.0.0/24 }\n six { addrs = fd01::5-fd01::9 } }\n"
	"cygnet { retransmit_timeout = 0.5\n retransmit_base = 1.25\n retransmit_tries = 9\n"
	"  keep_alive = 5s\n port = 1500\n port_nat_t = 14500\n fragment_size = 1400 }\n"
	"authorities { ca { } }\n";

static void check_office(const struct iked_config *config, const struct ike_connection *c)
{
	ck_assert_str_eq(c->name, "office");
	ck_assert_uint_eq(c->line, 4);
	ck_assert_uint_eq(c->local_count, 2);
	ck_assert_uint_eq(c->remote_count, 1);
	ck_assert_uint_eq(c->remote[0].len, 24);
	ck_assert_uint_eq(config->host_count, 1);
	ck_assert_uint_eq(config->hosts[0].connection, 1);
	ck_assert_str_eq(config->hosts[0].name, "office-b.example.org");
	ck_assert_uint_eq(c->local_port, 0);
	ck_assert_uint_eq(c->remote_port, 4500);
	ck_assert_uint_eq(c->proposal_count, 3);
	ck_assert(c->encap && !c->initial_contact && c->ppk_required);
	ck_assert_uint_eq(c->dpd_delay_s, 120);
	ck_assert_int_eq(c->fragmentation, IKE_FRAGMENT_FORCE);
	ck_assert_uint_eq(c->rekey_time_s, 86400);
	ck_assert_uint_eq(c->over_time_s, 7200);
	ck_assert_uint_eq(c->rand_time_s, 30);
	ck_assert_uint_eq(c->keyingtries, 0);
	ck_assert_int_eq(c->local_id.type, IKE_ID_FQDN);
	ck_assert_int_eq(c->remote_id.type, IKE_ID_RFC822);
	ck_assert_uint_eq(c->vip_count, 2);
	ck_assert_uint_eq(c->pool_count, 2);
	ck_assert_uint_eq(c->pools[0].from.bytes[3], 1);
	ck_assert_uint_eq(c->pools[0].to.bytes[3], 254);
	ck_assert_uint_eq(c->pools[1].from.bytes[15], 5);
	ck_assert_uint_eq(c->pools[1].to.bytes[15], 9);
}

static void check_net(const struct ike_child_config *n)
{
	ck_assert_str_eq(n->name, "net");
	ck_assert_uint_eq(n->local_ts.count, 2);
	ck_assert(n->local_dynamic && !n->remote_dynamic);
	ck_assert_uint_eq(n->dynamic_local.proto, IPPROTO_UDP);
	ck_assert_uint_eq(n->dynamic_local.port_from, 53);
	ck_assert_uint_eq(n->remote_ts.at[0].port_to, 80);
	ck_assert_int_eq(n->start_action, IKE_START_BOTH);
	ck_assert_int_eq(n->dpd_action, IKE_START_START);
	ck_assert_int_eq(n->close_action, IKE_START_TRAP);
	ck_assert_uint_eq(n->rekey_time_s, 600);
	ck_assert_uint_eq(n->life_time_s, 3600);
	ck_assert_uint_eq(n->rand_time_s, 600);
	ck_assert_uint_eq(n->rekey_bytes, 5000000000);
	ck_assert_uint_eq(n->life_bytes, 5500000000);
	ck_assert_uint_eq(n->rekey_packets, 1000);
	ck_assert_uint_eq(n->reqid, 16);
	ck_assert_uint_eq(n->replay_window, 128);
	ck_assert_uint_eq(n->tfc_padding, UINT32_MAX);
	ck_assert_uint_eq(n->priority, 77);
	ck_assert(n->no_policies && n->clear_df && n->no_ecn && n->hide_dscp && n->take_dscp);
	ck_assert(n->rekey_preflight);
}

START_TEST(test_config_takes_every_key)
{
	struct iked_config *config = load(everything);

	ck_assert_msg(config != NULL, "%s", said);
	ck_assert_str_eq(said, "W f:77: \"authorities\" has no effect: there are no certificates "
			       "here, only pre-shared keys\n"
			       "W f:65: \"eap-x\" has no effect: there is no EAP here\n"
			       "W f:51: \"updown\" has no effect: no script is called\n");
	check_office(config, &config->ike.connections[1]);
	check_net(&config->ike.connections[1].children[0]);
	ck_assert_uint_eq(config->ike.secret_count, 3);
	ck_assert_uint_eq(config->ike.secrets[0].id_count, 2);
	ck_assert_uint_eq(config->ike.secrets[0].len, 28);
	ck_assert_int_eq(memcmp(config->ike.secrets[0].key, "0123456789012345678901234567", 28), 0);
	ck_assert_uint_eq(config->ike.secrets[1].len, 21);
	ck_assert_uint_eq(config->ike.secrets[1].key[20], 0xff);
	ck_assert(config->ike.secrets[2].is_ppk && !config->ike.secrets[0].is_ppk);
	ck_assert_uint_eq(config->ike.retransmit_timeout_ms, 500);
	ck_assert_uint_eq(config->ike.retransmit_base_percent, 125);
	ck_assert_uint_eq(config->ike.retransmit_tries, 9);
	ck_assert_uint_eq(config->ike.keepalive_s, 5);
	ck_assert_uint_eq(config->ike.port, 1500);
	ck_assert_uint_eq(config->ike.encap_port, 14500);
	iked_config_free(config);
}
END_TEST

/* Status is JSON: what is no UTF-8 could not be said. */
static const struct {
	const char *name;
	bool fine;
} names[] = {
	{"office", true},
	{"b\xc3\xbcro", true},
	{"\xe2\x82\xac\xf0\x9f\x94\x91", true},
	{"b\xfcro", false},
	{"x\xc3", false},
	{"\xc0\xaf", false},
	{"\xe0\x80\xaf", false},
	{"\xed\xa0\x80", false},
	{"\xf0\x80\x80\xaf", false},
	{"\xf4\x90\x80\x80", false},
	{"\xf5\x80\x80\x80", false},
	{"\xe2\x82", false},
	{"a\033[31m", false},
	{"a\177", false},
	{"a\xc2\x80", false},
	{"a\xc2\x9b"
	 "31m",
	 false},
	{"a\xc2\xa0", true},
};

START_TEST(test_config_names_are_text)
{
	static const char wrong[] = "E f:1: a name is not UTF-8, or has control characters in it\n";
	char text[400];

	for (unsigned child = 0; child < 2; child++) {
		(void)snprintf(text, sizeof(text),
			       "connections { %s { local { auth = psk } remote { auth = psk } "
			       "children { %s { } } } }\n" SECRET,
			       child ? "c" : names[_i].name, child ? names[_i].name : "n");
		iked_config_free(load(text));
		ck_assert_str_eq(said, names[_i].fine ? "" : wrong);
	}
}
END_TEST

/* Who may be anywhere cannot be called; who has an address, or a name, can. */
START_TEST(test_config_says_who_cannot_be_called)
{
	static const struct {
		const char *remote, *action;
		bool warned;
	} rows[] = {
		{"%any", "start", true},
		{"%any", "trap", true},
		{"%any", "trap|start", true},
		{"%any", "none", false},
		{"192.0.2.0/24", "start", true},
		{"192.0.2.2", "start", false},
		{"gw.example.org", "start", false},
		{"192.0.2.0/24, 192.0.2.2", "start", false},
	};
	char text[400];

	for (size_t i = 0; i < LENGTH(rows); i++) {
		(void)snprintf(text, sizeof(text), PEER("remote_addrs = %s", "start_action = %s"),
			       rows[i].remote, rows[i].action);
		iked_config_free(load(text));
		ck_assert_msg(!strstr(said, "names nobody to call") == !rows[i].warned,
			      "%s, %s: %s", rows[i].remote, rows[i].action, said);
	}
}
END_TEST

/* Names of this host's files, package netbase. NULL: refused. */
static const struct {
	const char *text, *format;
} services[] = {
	{"10.0.0.1[tcp/http]", "10.0.0.1/32[tcp/80]"},
	{"10.0.0.1[6/http]", "10.0.0.1/32[tcp/80]"},
	{"fd00::1[udp/tftp]", "fd00::1/128[udp/69]"},
	{"10.0.0.1-10.0.0.9[tcp/ftp-data]", "10.0.0.1-10.0.0.9[tcp/20]"},
	{"10.0.0.1[any/domain]", "10.0.0.1/32[any/53]"},
	{"10.0.0.1[/domain]", "10.0.0.1/32[any/53]"},
	{"10.0.0.1[vrrp]", "10.0.0.1/32[112]"},
	{"10.0.0.1[tcp/1000-2000]", "10.0.0.1/32[tcp/1000-2000]"},
	{"10.0.0.1[tcp/opaque]", "10.0.0.1/32[tcp/opaque]"},
	{"10.0.0.1[tcp/tftp]", NULL}, /* it is of UDP */
	{"10.0.0.1[tcp/nosuchservice]", NULL},
	{"10.0.0.1[nosuchprotocol]", NULL},
	{"10.0.0.1[tcp/http", NULL},
	{"10.0.0.1[tcp/http]x", NULL},
	{"10.0.0.1[tcp/http-https]", NULL},
	{"10.0.0.1[tcp/a-name-that-is-much-longer-than-all-services-have]", NULL},
};

START_TEST(test_config_knows_services)
{
	struct iked_config *config;
	char text[400], got[IKE_TS_TEXT_MAX];

	(void)snprintf(text, sizeof(text), PEER("", "local_ts = %s"), services[_i].text);
	config = load(text);
	if (services[_i].format) {
		ck_assert_str_eq(said, "");
		ck_assert_str_eq(
			ike_ts_format(&config->ike.connections[0].children[0].local_ts.at[0], got),
			services[_i].format);
	} else {
		ck_assert_ptr_null(config);
		ck_assert_ptr_nonnull(strstr(said, "is no selector"));
		ck_assert_ptr_nonnull(strstr(said, services[_i].text));
	}
	iked_config_free(config);
}
END_TEST

START_TEST(test_config_explains_what_is_wrong)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{PEER("proposal = default", ""),
		 "E f:3: unknown key \"proposal\" in a connection: did you mean \"proposals\"?\n"},
		{PEER("local_addr = 10.0.0.1", ""),
		 "E f:3: unknown key \"local_addr\" in a connection: "
		 "did you mean \"local_addrs\"?\n"},
		{PEER("xyzzy = 1", ""), "E f:3: unknown key \"xyzzy\" in a connection\n"},
		{PEER("", "satrt_action = trap"), "E f:5: unknown key \"satrt_action\" in a child: "
						  "did you mean \"start_action\"?\n"},
		{"conections { }\n" SECRET,
		 "E f:1: unknown key \"conections\" in the file: did you mean \"connections\"?\n"},
		{PEER("version = 1", ""),
		 "E f:3: \"version\" is not supported: IKEv1 is not spoken here: version = 2\n"},
		{PEER("mobike = yes", ""),
		 "W f:3: \"mobike\" has no effect: MOBIKE is not spoken: mobike = no says so\n"},
		{PEER("reauth_time = 1h", ""),
		 "W f:3: \"reauth_time\" has no effect: with pre-shared "
		 "keys a rekey does what it would do\n"},
		{PEER("encap = maybe", ""), "E f:3: encap = \"maybe\": yes or no is wanted\n"},
		{PEER("dpd_delay = 5x", ""), "E f:3: dpd_delay = \"5x\": a number is wanted, which "
					     "may end in one of \"smhd\"\n"},
		{PEER("local_port = 65536", ""),
		 "E f:3: local_port = \"65536\": a number up to 65535 is wanted\n"},
		{PEER("fragmentation = some", ""),
		 "E f:3: fragmentation = \"some\": one of these is "
		 "wanted: yes, accept, force, no, true, false\n"},
		{PEER("remote_addrs = 10.0.0.256", ""), "E f:3: remote_addrs: \"10.0.0.256\" is no "
							"address, prefix or name (of a range write "
							"its prefixes)\n"},
		{PEER("remote_addrs = %any, 10.0.0.1", ""),
		 "E f:3: remote_addrs: %any stands alone\n"},
		{PEER("pools = p", ""), "E f:3: pools: there is no pool \"p\"\n"},
		{PEER("vips = here", ""),
		 "E f:3: vips: \"here\" is no address (0.0.0.0 and :: ask for any)\n"},
		{PEER("ppk_required = yes", ""),
		 "E f:1: connection \"c\": ppk_required without a ppk_id\n"},
		{PEER("remote2 { auth = psk }", ""),
		 "E f:3: a second round of authentication is not supported\n"},
		{PEER("children = x", ""),
		 "E f:4: this has a value elsewhere, and cannot be a section\n"},
		{PEER("", "local_ts = 10.0.0.0/33"),
		 "E f:5: local_ts: \"10.0.0.0/33\" is no selector (10.1.0.0/16, 10.0.0.5-10.0.0.9, "
		 "fd00::/8[tcp/80], dynamic)\n"},
		{PEER("", "mode = transport"),
		 "E f:5: \"mode\" is not supported: only tunnels are made: mode = tunnel\n"},
		{PEER("", "life_time = 5m\nrekey_time = 10m"),
		 "W f:4: life_time is not above rekey_time: the SA ends before it is rekeyed\n"},
		{PEER("", "replay_window = 1048577"),
		 "E f:5: replay_window = \"1048577\": a number up to 1048576 is wanted\n"},
		{PEER("", "replay_window = 0\nesp_proposals = aes128gcm16, aes256gcm16-noesn-esn"),
		 "E f:4: replay_window = 0: extended sequence numbers (esn in esp_proposals) need "
		 "a "
		 "window\n"},
		{PEER("", "replay_window = 0"), ""},
		{PEER("", "replay_window = 1048576\nesp_proposals = aes128gcm16-esn"), ""},
		{PEER("", "copy_dscp { }"), "E f:5: \"copy_dscp\" has a value, not a section\n"},
		{"connections { c { local { auth = pubkey } } }\n" SECRET,
		 "E f:1: auth = \"pubkey\": only pre-shared keys are spoken here: auth = psk\n"
		 "E f:1: connection \"c\" needs auth = psk in its section remote\n"
		 "W f:1: connection \"c\" has no children: it carries nothing\n"},
		{"connections { c { local { auth = psk }\nremote { auth = psk } children { n { } } "
		 "} }",
		 "W f:1: connection \"c\" has no secret: secrets { ike-... }\n"},
		{"secrets { ike { id = a } }", "E f:1: \"ike\" has no secret\n"},
		{"secrets { ike { secret = 0xhidden } }",
		 "E f:1: the secret is empty, longer than 256 octets, or not the hexadecimal (0x) "
		 "or "
		 "base64 (0s) it begins as\n"},
		{"secrets { ike { secret = hidden } }",
		 "W f:1: a secret of 6 octets can be guessed by who recorded a handshake: 20 "
		 "random ones "
		 "are the least\n"},
		{"cygnet { retransmit_base = 0.5 }",
		 "E f:1: retransmit_base = \"0.5\": a factor is wanted, 1.0 to 10\n"},
		{"pools { p { addrs = x } }",
		 "E f:1: addrs = \"x\": a prefix or a range of addresses is wanted\n"},
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		iked_config_free(load(rows[i].text));
		ck_assert_msg(!strcmp(said, rows[i].want), "%s\n  said   %s  wanted %s",
			      rows[i].text, said, rows[i].want);
	}
}
END_TEST

START_TEST(test_config_never_shows_a_secret)
{
	static const char *const texts[] = {
		"secrets { ike { secrt = hidden } }",
		"secrets { ike { secret { hidden } } }",
		"secrets { ike { secret = \"hidden } }",
		"secrets { ike { secret = 0shidden!hidden } }",
		"secrets { ike { secret = 0xhidden } }",
		"secrets { ike { secret hidden } }",
		"secrets { ike { secret = hidden } }\n}",
	};

	for (size_t i = 0; i < LENGTH(texts); i++) {
		iked_config_free(load(texts[i]));
		ck_assert(said[0] != '\0');
		ck_assert_msg(!strstr(said, "hidden"), "%s: %s", texts[i], said);
	}
}
END_TEST

START_TEST(test_keys_lead_somewhere)
{
	unsigned count;
	const struct config_key *keys = config_keys(&count);

	for (unsigned i = 0; i < count; i++) {
		const struct config_key *k = &keys[i];

		ck_assert_ptr_eq(config_key_lookup(k->place, k->name), k);
		ck_assert_int_eq(k->treatment == KEY_TAKEN, k->take != NULL);
		ck_assert_int_eq(k->treatment == KEY_SECTION, k->below != PLACE_NOWHERE);
		ck_assert_int_eq(k->treatment == KEY_WARNED || k->treatment == KEY_REFUSED,
				 k->why != NULL);
	}
}
END_TEST

/* Each key of the table, as a word of its own behind .Ic. */
START_TEST(test_manual_lists_every_key)
{
	static char manual[65536];
	FILE *file = fopen(MANUAL, "r");
	unsigned count;
	const struct config_key *keys = config_keys(&count);

	ck_assert_ptr_nonnull(file);
	manual[fread(manual, 1, sizeof(manual) - 1, file)] = '\0';
	fclose(file);
	for (unsigned i = 0; i < count; i++) {
		char word[80];
		bool found = false;

		if (!strcmp(keys[i].name, "*"))
			continue;
		snprintf(word, sizeof(word), " %s", keys[i].name);
		for (const char *at = manual; !found && (at = strstr(at, word)); at++)
			found = strchr(" \n.", at[strlen(word)]) != NULL;
		ck_assert_msg(found, "cygnet.conf.5 does not have %s", keys[i].name);
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("iked_config");
	Suite *suite = suite_create("iked_config");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, test_grammar_makes_a_tree);
	tcase_add_test(tc, test_grammar_bounds_words_and_nodes);
	tcase_add_test(tc, test_include_reads_files);
	tcase_add_test(tc, test_config_has_strongswans_defaults);
	tcase_add_test(tc, test_config_takes_every_key);
	tcase_add_loop_test(tc, test_config_names_are_text, 0, (int)LENGTH(names));
	tcase_add_test(tc, test_config_says_who_cannot_be_called);
	tcase_add_loop_test(tc, test_config_knows_services, 0, (int)LENGTH(services));
	tcase_add_test(tc, test_config_explains_what_is_wrong);
	tcase_add_test(tc, test_config_never_shows_a_secret);
	tcase_add_test(tc, test_keys_lead_somewhere);
	tcase_add_test(tc, test_manual_lists_every_key);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
