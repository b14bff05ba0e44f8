/*
 * grammar.y: swanctl.conf's sections, keys and includes. Reading stops at a file's first error of
 * grammar: what follows a lost brace would mean something else. Lists recurse to the left.
 */
%define api.pure full
%define api.prefix {iked_yy}
%define api.value.type {struct config_word}
%define parse.error verbose
%define lr.default-reduction consistent
%param { void *scanner }
%parse-param { struct config_parse *p }

%code requires {
#include "gateway/iked/config/parse.h"
}
%code {
#define YYMAXDEPTH 400

int iked_yylex(struct config_word *value, void *scanner);

static void iked_yyerror(void *scanner, struct config_parse *p, const char *text)
{
	(void)scanner;
	config_parse_error(p, text);
}

#define TRY(expression)                                                                           \
	do {                                                                                      \
		if (!(expression)) {                                                              \
			config_parse_error(p, NULL);                                              \
			YYABORT;                                                                  \
		}                                                                                 \
	} while (0)
}

%token NAME "a name"
%token VALUE "a value"
%token INCLUDE "include"
%token LEX_ERROR "a word that cannot be read"

%%

file:
	statements
;

statements:
	%empty
|	statements statement
;

statement:
	name '=' VALUE				{ TRY(config_parse_value(p)); }
|	head '{'				{ TRY(config_parse_open(p)); }
	statements '}'				{ config_parse_close(p); }
|	INCLUDE					{ TRY(config_parse_include(p, p->piece)); }
;

head:
	name
|	name ':' references
;

name:
	NAME					{ config_parse_keep_name(p); }
;

references:
	NAME					{ TRY(config_parse_reference(p)); }
|	references ',' NAME			{ TRY(config_parse_reference(p)); }
;
