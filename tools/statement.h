/*
 * statement.h: one statement of the setkey language as a plain value. The grammar builds it, the
 * executor turns it into messages. Text in it is borrowed from the parser until the statement's
 * callback returns; keys live in that text, and the parser wipes it afterwards.
 */
#ifndef CYGNET_TOOLS_STATEMENT_H
#define CYGNET_TOOLS_STATEMENT_H

#include "packet/packet.h"

enum statement_limits {
	STATEMENT_TEXT_MAX = 16384, /* all words of one statement */
	TOKEN_MAX = 1024,	    /* one word, number or quoted string */
	POLICY_TEXT_MAX = 8192,
	POLICY_RULES_MAX = 8,
	ERROR_TEXT_MAX = 192,
};

enum statement_kind {
	STATEMENT_ADD,
	STATEMENT_UPDATE,
	STATEMENT_GETSPI,
	STATEMENT_GET,
	STATEMENT_DELETE,
	STATEMENT_DELETEALL,
	STATEMENT_FLUSH,
	STATEMENT_DUMP,
	STATEMENT_EXIT,
	STATEMENT_SPDADD,
	STATEMENT_SPDUPDATE,
	STATEMENT_SPDDELETE,
	STATEMENT_SPDFLUSH,
	STATEMENT_SPDDUMP,
};

/* The command word: "add", "spdadd". */
const char *statement_name(enum statement_kind kind);

enum sproto {
	SPROTO_NONE, /* flush and dump: all */
	SPROTO_ESP,
	SPROTO_ESP_OLD,
	SPROTO_ESP_UDP,
	SPROTO_AH,
	SPROTO_AH_OLD,
	SPROTO_IPCOMP,
	SPROTO_TCP,
};

/* A word of the file. text is NUL-terminated and NULL if the word is not there; len counts, since
 * a quoted string may hold any byte. */
struct token {
	const char *text;
	size_t len;
	unsigned line;
};

/* An end of an SA (name, port) or of a policy's selector (name, prefix, port). */
struct endpoint {
	struct token name;
	struct token prefix;
	struct token port;
};

enum lookup_option { LOOKUP_V4 = 1, LOOKUP_V6 = 2, LOOKUP_NUMERIC = 4 };
enum sa_mode { SA_MODE_ABSENT, SA_MODE_ANY, SA_MODE_TRANSPORT, SA_MODE_TUNNEL };
enum sa_pad { SA_PAD_ZERO = 1, SA_PAD_RANDOM = 2, SA_PAD_SEQ = 4, SA_NOCYCLIC_SEQ = 8 };

struct key_text {
	struct token name; /* of the algorithm; absent: none was asked for */
	struct token key;  /* bytes, decoded if they were written in hex */
};

struct sa_extensions {
	enum sa_mode mode;
	uint32_t replay; /* packets */
	uint32_t reqid;
	unsigned flags;	 /* enum sa_pad */
	uint32_t xflags; /* enum sa_xflag: words of -f that are ours */
	uint64_t hard_s, soft_s, hard_bytes, soft_bytes;
	bool esn, natt_mtu, ctx;
	struct token natt_sport, natt_dport; /* -natt: UDP ports of an esp SA */
	struct token hwif;
};

/* ---- policies ---------------------------------------------------------------------------- */

enum rule_proto { RULE_ESP, RULE_AH, RULE_IPCOMP };
enum rule_mode { RULE_TRANSPORT, RULE_TUNNEL };
enum rule_ends { RULE_ENDS_ABSENT, RULE_ENDS_GIVEN, RULE_ENDS_ME_ANY, RULE_ENDS_ANY_ME };
enum rule_level { RULE_DEFAULT, RULE_USE, RULE_REQUIRE, RULE_UNIQUE };

struct policy_rule {
	enum rule_proto proto;
	enum rule_mode mode;
	enum rule_ends ends;
	enum rule_level level;
	struct ip_addr src, dst;
	bool ports;	/* the end points name UDP ports, which XFRM's templates cannot */
	bool scope;	/* an end point names an interface (%eth0) */
	uint32_t reqid; /* of unique:N; 0: not given */
};

enum policy_dir_text { POLICY_TEXT_IN, POLICY_TEXT_OUT, POLICY_TEXT_FWD }; /* as enum policy_dir */
enum policy_verb {
	POLICY_VERB_ABSENT, /* only the direction was written */
	POLICY_VERB_DISCARD,
	POLICY_VERB_NONE,
	POLICY_VERB_BYPASS,
	POLICY_VERB_ENTRUST,
	POLICY_VERB_IPSEC,
};

enum { POLICY_PRIORITY_DEFAULT = 0x80000000 };

/* What stands behind -P. */
struct policy_spec {
	enum policy_dir_text dir;
	enum policy_verb verb;
	uint32_t priority; /* as stored: lower is searched first */
	unsigned rules;
	struct policy_rule rule[POLICY_RULES_MAX]; /* innermost first */
	bool hwif;
	bool fwd_as_in; /* fwd was written, in a dialect that has no such policies */
};

/* Why a policy text was refused: the sentence, the word, and whether the text itself (syntax)
 * could not be read. */
struct policy_error {
	char text[ERROR_TEXT_MAX];
	char token[64];
	bool syntax;
};

/* Reads the text after -P (policy_text.c). False and *err if it cannot. */
bool policy_text_parse(const char *text, struct policy_spec *out, struct policy_error *err);

/* ---- the statement ------------------------------------------------------------------------ */

struct statement {
	enum statement_kind kind;
	unsigned line;	 /* of the terminating semicolon */
	unsigned lookup; /* enum lookup_option */
	enum sproto sproto;
	struct endpoint src, dst;
	struct token nat_oa; /* esp-udp HOST */
	uint32_t spi;
	struct sa_extensions ext;
	struct key_text encr, auth, comp;
	/* spd* */
	bool tagged;
	struct token upper, umisc;
	struct policy_spec policy;
};

/* Names the first thing in the statement that Cygnet does not do ("AH is not supported"), NULL if
 * it does all of it (refuse.c). buf may hold the answer. Nothing in it is secret. */
const char *statement_refusal(const struct statement *st, char buf[static ERROR_TEXT_MAX]);

struct key_fault {
	const char *text;  /* the sentence */
	const char *token; /* the word to show: the algorithm, never the key */
	size_t bits;	   /* that were given */
	unsigned min_bits, max_bits;
};

/* Checks the lengths of keys. False, and *fault. To be asked after statement_refusal: what is
 * refused has no lengths to check. */
bool statement_check(const struct statement *st, struct key_fault *fault);

#endif
