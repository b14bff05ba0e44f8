/*
 * ike-lite/explain.c: failures in words. An error of IKE says little on purpose; what helps is what we know
 * beside it.
 */
#include "ike-lite/explain.h"

#include "ike-lite/child.h"
#include "ike-lite/engine.h"
#include "ike-lite/proposal.h"
#include "ike-lite/ts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PART_MAX = 192, WHERE_MAX = 168 };

static const char *write(char text[static EVENT_TEXT_MAX], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static const char *write(char text[static EVENT_TEXT_MAX], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, EVENT_TEXT_MAX, format, args);
	va_end(args);
	return text;
}

/* " (change X at FILE:LINE)", or nothing where the file is not known. */
static const char *where(const struct conn *conn, unsigned line, const char *what,
			 char buf[static WHERE_MAX])
{
	buf[0] = 0;
	if (line)
		(void)snprintf(buf, WHERE_MAX, " (%s: %s:%u)", what, conn->c.file, line);
	return buf;
}

static const struct {
	uint16_t type;
	const char *name;
} names[] = {
	{IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD, "UNSUPPORTED_CRITICAL_PAYLOAD"},
	{IKE_N_INVALID_IKE_SPI, "INVALID_IKE_SPI"},
	{IKE_N_INVALID_MAJOR_VERSION, "INVALID_MAJOR_VERSION"},
	{IKE_N_INVALID_SYNTAX, "INVALID_SYNTAX"},
	{IKE_N_INVALID_MESSAGE_ID, "INVALID_MESSAGE_ID"},
	{IKE_N_INVALID_SPI, "INVALID_SPI"},
	{IKE_N_NO_PROPOSAL_CHOSEN, "NO_PROPOSAL_CHOSEN"},
	{IKE_N_INVALID_KE_PAYLOAD, "INVALID_KE_PAYLOAD"},
	{IKE_N_AUTHENTICATION_FAILED, "AUTHENTICATION_FAILED"},
	{IKE_N_SINGLE_PAIR_REQUIRED, "SINGLE_PAIR_REQUIRED"},
	{IKE_N_NO_ADDITIONAL_SAS, "NO_ADDITIONAL_SAS"},
	{IKE_N_INTERNAL_ADDRESS_FAILURE, "INTERNAL_ADDRESS_FAILURE"},
	{IKE_N_FAILED_CP_REQUIRED, "FAILED_CP_REQUIRED"},
	{IKE_N_TS_UNACCEPTABLE, "TS_UNACCEPTABLE"},
	{IKE_N_INVALID_SELECTORS, "INVALID_SELECTORS"},
	{IKE_N_TEMPORARY_FAILURE, "TEMPORARY_FAILURE"},
	{IKE_N_CHILD_SA_NOT_FOUND, "CHILD_SA_NOT_FOUND"},
};

const char *explain_notify(uint16_t type, char buf[static 32])
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].type == type)
			return names[i].name;
	}
	(void)snprintf(buf, 32, "error %u", type);
	return buf;
}

static const char *group_word(uint16_t group, char buf[static 64])
{
	struct ike_proposal p = {
		.protocol = IKE_PROTO_ESP, .count = 1, .at = {{.type = IKE_DH, .id = group}}};

	return group ? ike_proposal_format(&p, buf, 64) : "none";
}

/* ---- setting up -------------------------------------------------------------------------------------- */

const char *explain_no_answer(const struct ike_sa *sa, char text[static EVENT_TEXT_MAX])
{
	char remote[IP_ADDR_TEXT_MAX];
	const char *hint = sa->phase == SA_AUTH_SENT
				   ? "it answered IKE_SA_INIT, but not IKE_AUTH: is UDP port 4500 "
				     "open, and do fragments pass?"
				   : "is it there, and UDP port 500 open?";

	return write(text, "no answer from %s port %u after %u messages: %s",
		     ip_addr_format(&sa->ends.remote, remote), sa->ends.remote_port, sa->tries + 1,
		     hint);
}

const char *explain_setup_refused(const struct ike_sa *sa, uint16_t notify,
				  char text[static EVENT_TEXT_MAX])
{
	const struct ike_connection *c = &sa->conn->c;
	char ours[PART_MAX], place[WHERE_MAX], number[32];
	char local[IKE_ID_TEXT_MAX], remote[IKE_ID_TEXT_MAX];

	if (notify == IKE_N_NO_PROPOSAL_CHOSEN || notify == IKE_N_INVALID_KE_PAYLOAD)
		return write(
			text,
			"the peer takes none of our IKE proposals, or knows no connection "
			"between these addresses: NO_PROPOSAL_CHOSEN; ours: %s%s",
			ike_proposals_format(c->proposals, c->proposal_count, ours, sizeof(ours)),
			where(sa->conn, c->proposals_line ? c->proposals_line : c->line,
			      "proposals", place));
	if (notify == IKE_N_AUTHENTICATION_FAILED)
		return write(text,
			     "the peer does not believe us: AUTHENTICATION_FAILED; we said we are "
			     "%.100s and it is %.100s: ids%s differ%s",
			     ike_id_format(&sa->local_id, local),
			     ike_id_format(&c->remote_id, remote),
			     c->ppk_id.type ? ", pre-shared keys or PPKs" : " or pre-shared keys",
			     where(sa->conn, c->line, "connection", place));
	return write(text, "the peer refused: %s", explain_notify(notify, number));
}

const char *explain_not_known(const struct conn *nearest, const struct ike_id *local,
			      const struct ike_id *wanted, const struct ike_id *remote,
			      const char *what, char text[static EVENT_TEXT_MAX])
{
	char ours[IKE_ID_TEXT_MAX], theirs[IKE_ID_TEXT_MAX], asked[IKE_ID_TEXT_MAX];
	char expected[IKE_ID_TEXT_MAX], place[WHERE_MAX];

	return write(text,
		     "%s; the peer says it is %.100s and wants to speak to %.100s; '%s' expects "
		     "%.100s and is %.100s%s",
		     what, ike_id_format(remote, theirs),
		     wanted->type ? ike_id_format(wanted, asked) : "anybody", nearest->c.name,
		     ike_id_format(&nearest->c.remote_id, expected), ike_id_format(local, ours),
		     where(nearest, nearest->c.line, "connection", place));
}

const char *explain_no_secret(const struct ike_sa *sa, char text[static EVENT_TEXT_MAX])
{
	const struct conn *conn = sa->conn;
	char ours[IKE_ID_TEXT_MAX], theirs[IKE_ID_TEXT_MAX], place[WHERE_MAX];

	if (settings_psk(&sa->ike->settings, &sa->local_id, &conn->c.remote_id))
		return write(text, "IKE_AUTH could not be made");
	return write(text,
		     "we have no pre-shared key for us as %.100s and the peer as %.100s: none of "
		     "secrets { ike-... } has these ids%s",
		     ike_id_format(&sa->local_id, ours), ike_id_format(&conn->c.remote_id, theirs),
		     where(conn, conn->c.line, "connection", place));
}

const char *explain_not_authentic(const struct conn *conn, const struct ike_id *local,
				  const struct ike_id *remote, const char *what,
				  char text[static EVENT_TEXT_MAX])
{
	char ours[IKE_ID_TEXT_MAX], theirs[IKE_ID_TEXT_MAX], wanted[IKE_ID_TEXT_MAX];
	char place[WHERE_MAX];

	return write(text, "%s; the peer says it is %.100s, we expect %.100s and are %.100s%s",
		     what, ike_id_format(remote, theirs), ike_id_format(&conn->c.remote_id, wanted),
		     ike_id_format(local, ours), where(conn, conn->c.line, "connection", place));
}

/* ---- children ---------------------------------------------------------------------------------------- */

static const char *selectors(const struct ike_ts_list *local, const struct ike_ts_list *remote,
			     char buf[static PART_MAX])
{
	char a[PART_MAX / 2 - 4], b[PART_MAX / 2 - 4];

	(void)snprintf(buf, PART_MAX, "%s === %s", ike_ts_list_format(local, a, sizeof(a)),
		       ike_ts_list_format(remote, b, sizeof(b)));
	return buf;
}

static bool wants_dh(const struct kid *kid)
{
	return ike_proposal_dh(&kid->c.proposals[0]) != 0;
}

/* At a rekey the suite is known to fit, since the child came up by it: what differs is the group. */
static const char *pfs_refused(const struct ike_sa *sa, const struct kid *kid, const char *said,
			       char text[static EVENT_TEXT_MAX])
{
	char ours[PART_MAX], place[WHERE_MAX];

	return write(
		text,
		"PFS mismatch: the peer refuses the rekey of '%s' (%s), whose algorithms it took "
		"when it came up; ours: %s, %s; theirs then is %s%s",
		kid->c.name, said,
		ike_proposals_format(kid->c.proposals, kid->c.proposal_count, ours, sizeof(ours)),
		wants_dh(kid) ? "with a group" : "without a group",
		wants_dh(kid) ? "without one, or another one" : "with one",
		where(sa->conn, kid->c.line, "esp_proposals", place));
}

const char *explain_child_refused(const struct ike_sa *sa, const struct kid *kid, uint16_t notify,
				  const struct bargain *b, bool is_rekey,
				  char text[static EVENT_TEXT_MAX])
{
	char ours[PART_MAX], place[WHERE_MAX], number[32];
	const char *said = explain_notify(notify, number);

	if (is_rekey && (notify == IKE_N_NO_PROPOSAL_CHOSEN || notify == IKE_N_INVALID_KE_PAYLOAD))
		return pfs_refused(sa, kid, said, text);
	if (notify == IKE_N_NO_PROPOSAL_CHOSEN || notify == IKE_N_INVALID_KE_PAYLOAD)
		return write(
			text, "the peer takes none of our ESP proposals for '%s': %s; ours: %s%s",
			kid->c.name, said,
			ike_proposals_format(b->proposals, b->proposal_count, ours, sizeof(ours)),
			where(sa->conn, kid->c.line, "esp_proposals", place));
	if (notify == IKE_N_TS_UNACCEPTABLE)
		return write(
			text,
			"the peer takes none of our selectors for '%s': TS_UNACCEPTABLE; ours: "
			"%s; its local_ts must meet our remote_ts, and the other way about%s",
			kid->c.name, selectors(&b->local_ts, &b->remote_ts, ours),
			where(sa->conn, kid->c.line, "local_ts, remote_ts", place));
	return write(text, "the peer refused '%s': %s", kid->c.name, said);
}

const char *explain_no_proposal(const struct conn *conn, const struct kid *kid,
				struct ike_span theirs, char text[static EVENT_TEXT_MAX])
{
	char a[PART_MAX], b[PART_MAX], place[WHERE_MAX];
	const struct ike_connection *c = &conn->c;

	if (kid)
		return write(
			text, "no ESP proposal in common; ours: %s; theirs: %s%s",
			ike_proposals_format(kid->c.proposals, kid->c.proposal_count, a, sizeof(a)),
			ike_offers_format(theirs, b, sizeof(b)),
			where(conn, kid->c.line, "esp_proposals", place));
	return write(
		text, "no IKE proposal in common; ours: %s; theirs: %s%s",
		ike_proposals_format(c->proposals, c->proposal_count, a, sizeof(a)),
		ike_offers_format(theirs, b, sizeof(b)),
		where(conn, c->proposals_line ? c->proposals_line : c->line, "proposals", place));
}

const char *explain_no_selectors(const struct conn *conn, const struct ike_ts_list *ours_local,
				 const struct ike_ts_list *ours_remote,
				 const struct ike_ts_list *theirs_local,
				 const struct ike_ts_list *theirs_remote,
				 char text[static EVENT_TEXT_MAX])
{
	char a[PART_MAX], b[PART_MAX], place[WHERE_MAX];

	return write(
		text,
		"no child has selectors that meet what the peer asks for; ours: %s; theirs: %s%s",
		selectors(ours_local, ours_remote, a), selectors(theirs_local, theirs_remote, b),
		where(conn, conn->c.line, "local_ts, remote_ts of connection", place));
}

const char *explain_group(const struct conn *conn, const struct kid *kid, uint16_t ours,
			  uint16_t theirs, char text[static EVENT_TEXT_MAX])
{
	char a[64], b[64], place[WHERE_MAX];

	return write(text, "PFS: the peer sent group %s, we want %s, and asked for it%s",
		     group_word(theirs, b), group_word(ours, a),
		     where(conn, kid->c.line, "esp_proposals", place));
}

const char *explain_child(const struct child *c, char text[static EVENT_TEXT_MAX])
{
	char ts[PART_MAX], suite[64], group[64];

	return write(text, "%s, %s%s%s%s%s", selectors(&c->local_ts, &c->remote_ts, ts),
		     esp_suite_name(&c->suite, suite), c->esn ? ", ESN" : "",
		     c->udp ? ", in UDP" : "", c->dh_group ? ", PFS " : "",
		     c->dh_group ? group_word(c->dh_group, group) : "");
}

const char *explain_ike(const struct ike_sa *sa, char text[static EVENT_TEXT_MAX])
{
	char local[IKE_ID_TEXT_MAX], remote[IKE_ID_TEXT_MAX], suite[PART_MAX];

	return write(text, "%.120s with %.120s, %s%s%s%s", ike_id_format(&sa->local_id, local),
		     ike_id_format(&sa->remote_id, remote),
		     ike_proposal_format(&sa->suite, suite, sizeof(suite)), sa->ppk ? ", PPK" : "",
		     sa->nat_here ? ", NAT here" : "", sa->nat_there ? ", NAT there" : "");
}
