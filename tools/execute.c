/*
 * execute.c: the order in which a statement is judged: what Cygnet does not do, then the lengths of
 * keys, then names, then the server. Refusals come after the whole statement was parsed, so they
 * hide no syntax error; and they let the script go on, so one legacy line does not take the rest of
 * a gateway's configuration down.
 */
#include "tools/execute.h"

#include <string.h>

/* Scripts under "set -e" delete what may not be there; but what was to be added and was not must
 * be seen. */
static bool counts(enum statement_kind kind)
{
	return kind == STATEMENT_ADD || kind == STATEMENT_UPDATE || kind == STATEMENT_GETSPI ||
	       kind == STATEMENT_SPDADD || kind == STATEMENT_SPDUPDATE;
}

void execute_refused(struct session *s, const struct statement *st, const struct xfrm_error *err)
{
	session_report_refusal(s, st->line, err);
	if (counts(st->kind))
		s->refused = true;
}

static void notices(struct session *s, const struct statement *st)
{
	bool adds = st->kind == STATEMENT_ADD || st->kind == STATEMENT_UPDATE;

	if (st->ext.hwif.text || st->policy.hwif)
		session_notice(s, st->line, "%s: -hwif is ignored", statement_name(st->kind));
	if (st->ext.flags & (SA_PAD_ZERO | SA_PAD_RANDOM))
		session_notice(s, st->line, "%s: padding is always seq-pad",
			       statement_name(st->kind));
	/* The original's own two warnings. */
	if (st->kind == STATEMENT_DELETE && st->ext.mode != SA_MODE_ABSENT)
		session_notice(s, st->line, "WARNING: mode is obsolete");
	if (st->encr.name.text && !strcmp(st->encr.name.text, "simple"))
		session_notice(s, st->line, "WARNING: obsolete algorithm");
	/* RFC 4303 §2.1 reserves them; scripts use them all the same. */
	if (adds && st->spi > 0 && st->spi < 256)
		session_notice(s, st->line,
			       "WARNING: SPI %u (0x%x) is in the reserved range 1..255", st->spi,
			       st->spi);
}

enum statement_result execute(struct session *s, const struct statement *st)
{
	char buf[ERROR_TEXT_MAX];
	struct key_fault fault;
	const char *text;

	text = statement_refusal(st, buf);
	if (text) {
		session_report(s, st->line, "%s: %s", statement_name(st->kind), text);
		if (counts(st->kind))
			s->refused = true;
		return STATEMENT_GO_ON;
	}
	if (!statement_check(st, &fault)) {
		session_report_key(s, st->line, &fault);
		return STATEMENT_INVALID;
	}
	notices(s, st);
	switch (st->kind) {
	case STATEMENT_EXIT:
		return STATEMENT_STOP;
	case STATEMENT_SPDADD:
	case STATEMENT_SPDUPDATE:
	case STATEMENT_SPDDELETE:
		return execute_policy(s, st);
	case STATEMENT_FLUSH:
		(void)execute_flush(s, st->line,
				    st->sproto); /* reported; a flush never fails a script */
		break;
	case STATEMENT_DUMP:
		(void)execute_dump(s, st->line, st->sproto);
		break;
	case STATEMENT_SPDFLUSH:
		(void)execute_flush_policies(s, st->line);
		break;
	case STATEMENT_SPDDUMP:
		(void)execute_dump_policies(s, st->line);
		break;
	default:
		return execute_sa(s, st);
	}
	return s->broken ? STATEMENT_STOP : STATEMENT_GO_ON;
}
