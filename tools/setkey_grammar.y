/*
 * setkey_grammar.y: the statements of the setkey language, all three dialects' (ipsec-tools,
 * FreeBSD, NetBSD). Whole: what Cygnet does not do is parsed too, and refused behind the
 * semicolon, so that a refusal never hides a syntax error. Lists recurse to the left, so the
 * stack does not grow with the input.
 */
%define api.pure full
%define api.prefix {setkey_yy}
%define api.value.type {struct token}
%param { void *scanner }
%parse-param { struct parse *p }

%code requires {
#include "tools/parse.h"
}
%code {
#include "tools/algorithms.h"

#define YYMAXDEPTH 400

int setkey_yylex(struct token *value, void *scanner);

static void setkey_yyerror(void *scanner, struct parse *p, const char *text)
{
	(void)scanner;
	parse_error(p, p->lexical ? p->lexical : text, p->shown);
	p->lexical = NULL;
}

#define TRY(expression)                                                                           \
	do {                                                                                      \
		if (!(expression))                                                                \
			YYERROR;                                                                  \
	} while (0)
#define FINISH(kind)                                                                              \
	do {                                                                                      \
		if (!parse_finish(p, kind))                                                       \
			YYACCEPT;                                                                 \
	} while (0)
}

%token ADD UPDATE GETSPI GET DELETE DELETEALL FLUSH DUMP EXIT
%token SPDADD SPDUPDATE SPDDELETE SPDFLUSH SPDDUMP TAGGED
%token ESP ESP_OLD ESP_UDP AH AH_OLD IPCOMP TCP ANY TRANSPORT TUNNEL
%token OPT_LOOKUP OPT_MODE OPT_REPLAY OPT_REQID OPT_PAD OPT_LH OPT_LS OPT_BH OPT_BS OPT_CTX
%token OPT_NATT OPT_NATT_MTU OPT_ESN OPT_HWIF OPT_ENCR OPT_AUTH OPT_COMP OPT_RAW OPT_POLICY
%token DECIMAL HEX WORD QUOTED POLICY_TEXT LEX_ERROR

%%

file:
	%empty
|	file statement
;

statement:
	ADD opts sa_key extensions algorithms ';'	{ FINISH(STATEMENT_ADD); }
|	UPDATE opts sa_key extensions algorithms ';'	{ FINISH(STATEMENT_UPDATE); }
|	GETSPI opts sa_key extensions ';'		{ FINISH(STATEMENT_GETSPI); }
|	GET opts sa_key extensions ';'			{ FINISH(STATEMENT_GET); }
|	DELETE opts sa_key extensions ';'		{ FINISH(STATEMENT_DELETE); }
|	DELETEALL opts host_pair sproto ';'		{ FINISH(STATEMENT_DELETEALL); }
|	FLUSH optional_sproto ';'			{ FINISH(STATEMENT_FLUSH); }
|	DUMP optional_sproto ';'			{ FINISH(STATEMENT_DUMP); }
|	EXIT ';'					{ FINISH(STATEMENT_EXIT); }
|	SPDADD policy_rest ';'				{ FINISH(STATEMENT_SPDADD); }
|	SPDUPDATE policy_rest ';'			{ FINISH(STATEMENT_SPDUPDATE); }
|	SPDDELETE policy_key ';'			{ FINISH(STATEMENT_SPDDELETE); }
|	SPDFLUSH ';'					{ FINISH(STATEMENT_SPDFLUSH); }
|	SPDDUMP ';'					{ FINISH(STATEMENT_SPDDUMP); }
|	error ';'					{ yyerrok; parse_reset(p); }
;

opts:
	%empty
|	opts OPT_LOOKUP			{ parse_lookup(p, &$2); }
;

/* ---- security associations ------------------------------------------------------------------ */

sa_key:
	address				{ p->st.src = p->end; }
	address				{ p->st.dst = p->end; }
	sproto spi
;

host_pair:
	WORD WORD			{ p->st.src.name = $1; p->st.dst.name = $2; }
;

address:
	WORD optional_port		{ p->end = (struct endpoint){.name = $1, .port = $2}; }
;

optional_port:
	%empty				{ $$ = (struct token){0}; }
|	'[' port ']'			{ $$ = $2; }
;

port:
	ANY
|	DECIMAL
|	WORD
;

sproto:
	ESP				{ p->st.sproto = SPROTO_ESP; }
|	ESP_OLD				{ p->st.sproto = SPROTO_ESP_OLD; }
|	ESP_UDP				{ p->st.sproto = SPROTO_ESP_UDP; }
|	ESP_UDP WORD			{ p->st.sproto = SPROTO_ESP_UDP; p->st.nat_oa = $2; }
|	AH				{ p->st.sproto = SPROTO_AH; }
|	AH_OLD				{ p->st.sproto = SPROTO_AH_OLD; }
|	IPCOMP				{ p->st.sproto = SPROTO_IPCOMP; }
|	TCP				{ p->st.sproto = SPROTO_TCP; }
;

optional_sproto:
	%empty
|	sproto
;

spi:
	DECIMAL				{ TRY(parse_spi(p, &$1)); }
|	HEX				{ TRY(parse_spi(p, &$1)); }
;

extensions:
	%empty
|	extensions extension
;

extension:
	OPT_MODE TRANSPORT		{ p->st.ext.mode = SA_MODE_TRANSPORT; }
|	OPT_MODE TUNNEL			{ p->st.ext.mode = SA_MODE_TUNNEL; }
|	OPT_MODE ANY			{ p->st.ext.mode = SA_MODE_ANY; }
|	OPT_REPLAY DECIMAL		{ TRY(parse_replay(p, &$2)); }
|	OPT_REQID DECIMAL		{ TRY(parse_u32(p, &$2, &p->st.ext.reqid)); }
|	OPT_PAD WORD			{ TRY(parse_pad(p, &$2)); }
|	OPT_LH DECIMAL			{ TRY(parse_u64(p, &$2, &p->st.ext.hard_s)); }
|	OPT_LS DECIMAL			{ TRY(parse_u64(p, &$2, &p->st.ext.soft_s)); }
|	OPT_BH DECIMAL			{ TRY(parse_u64(p, &$2, &p->st.ext.hard_bytes)); }
|	OPT_BS DECIMAL			{ TRY(parse_u64(p, &$2, &p->st.ext.soft_bytes)); }
|	OPT_NATT WORD '[' DECIMAL ']' WORD '[' DECIMAL ']'
					{ p->st.ext.natt_sport = $4; p->st.ext.natt_dport = $8; }
|	OPT_NATT_MTU DECIMAL		{ p->st.ext.natt_mtu = true; }
|	OPT_ESN				{ p->st.ext.esn = true; }
|	OPT_HWIF WORD			{ p->st.ext.hwif = $2; }
|	context
;

context:
	OPT_CTX DECIMAL DECIMAL QUOTED	{ p->st.ext.ctx = true; }
;

algorithms:
	encryption
|	encryption authentication
|	authentication
|	compression
|	compression OPT_RAW
;

encryption:
	OPT_ENCR WORD optional_key
		{ TRY(parse_algorithm(p, &p->st.encr, ALGORITHM_ENCR, &$2, &$3)); }
;

authentication:
	OPT_AUTH WORD optional_key
		{ TRY(parse_algorithm(p, &p->st.auth, ALGORITHM_AUTH, &$2, &$3)); }
;

compression:
	OPT_COMP WORD
		{ TRY(parse_algorithm(p, &p->st.comp, ALGORITHM_COMP, &$2, NULL)); }
;

optional_key:
	%empty				{ $$ = (struct token){0}; }
|	QUOTED
|	HEX				{ TRY(parse_hex_key(p, &$1)); $$ = $1; }
;

/* ---- policies ------------------------------------------------------------------------------- */

policy_rest:
	policy_key
|	TAGGED QUOTED policy		{ p->st.tagged = true; }
;

policy_key:
	opts range			{ p->st.src = p->end; }
	range				{ p->st.dst = p->end; }
	upper optional_umisc optional_context policy
;

range:
	WORD optional_prefix optional_port
		{ p->end = (struct endpoint){.name = $1, .prefix = $2, .port = $3}; }
;

optional_prefix:
	%empty				{ $$ = (struct token){0}; }
|	'/' DECIMAL			{ $$ = $2; }
;

upper:
	upper_name			{ p->st.upper = $1; }
;

upper_name:
	DECIMAL
|	WORD
|	ANY
|	TCP
|	ESP
|	AH
|	IPCOMP
;

optional_umisc:
	%empty
|	WORD				{ p->st.umisc = $1; }
|	DECIMAL				{ p->st.umisc = $1; }
;

optional_context:
	%empty
|	context
;

policy:
	OPT_POLICY POLICY_TEXT		{ TRY(parse_policy(p, &$2)); }
;
