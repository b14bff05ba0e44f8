/*
 * ike-lite/proposal_text.c: proposals as strongSwan writes them: algorithms joined by dashes, in any
 * order across types. What a proposal of strongSwan's may leave out is put in here as it does: the
 * PRF that goes with INTEG, no ESN.
 */
#include "ike-lite/proposal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *protocol_name(enum ike_protocol protocol)
{
	return protocol == IKE_PROTO_IKE ? "IKE" : "ESP";
}

static bool add(struct ike_proposal *p, struct ike_transform t)
{
	for (unsigned i = 0; i < p->count; i++)
		if (p->at[i].type == t.type && p->at[i].id == t.id &&
		    p->at[i].key_bits == t.key_bits)
			return true;
	if (p->count == IKE_TRANSFORMS_MAX)
		return false;
	p->at[p->count++] = t;
	return true;
}

static void remove_type(struct ike_proposal *p, uint8_t type)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < p->count; i++)
		if (p->at[i].type != type)
			p->at[kept++] = p->at[i];
	p->count = (uint8_t)kept;
}

static int add_word(struct ike_proposal *p, const char *word, size_t len, char why[static 160])
{
	uint8_t use = p->protocol == IKE_PROTO_IKE ? IKE_FOR_IKE : IKE_FOR_ESP;
	const struct ike_algorithm *row = ike_algorithm_named(word, len);
	int shown = len > 40 ? 40 : (int)len;

	/* A PRF in an ESP proposal is passed over, as strongSwan does. */
	if (row && row->used_for && row->transform.type == IKE_PRF && use == IKE_FOR_ESP)
		return 0;
	if (row && (row->used_for & use)) {
		if (add(p, row->transform))
			return 0;
		(void)snprintf(why, 160, "more than %d algorithms", IKE_TRANSFORMS_MAX);
		return -EINVAL;
	}
	if (!row)
		(void)snprintf(why, 160, "'%.*s' is no algorithm we know", shown, word);
	else if (row->used_for == 0)
		(void)snprintf(why, 160, "'%.*s' is refused: it is broken or too weak (RFC 8247)",
			       shown, word);
	else /* SHA-1 in IKE among them: left out on purpose */
		(void)snprintf(why, 160, "'%.*s' is not for %s proposals here", shown, word,
			       protocol_name(p->protocol));
	return -EINVAL;
}

/* PRFs of the same hashes as the INTEG algorithms, where none is named. */
static void add_prfs(struct ike_proposal *p)
{
	static const struct {
		uint16_t integ, prf;
	} pairs[] = {{IKE_INTEG_HMAC_SHA2_256_128, IKE_PRF_HMAC_SHA2_256},
		     {IKE_INTEG_HMAC_SHA2_384_192, IKE_PRF_HMAC_SHA2_384},
		     {IKE_INTEG_HMAC_SHA2_512_256, IKE_PRF_HMAC_SHA2_512}};
	unsigned count = p->count;

	for (unsigned i = 0; i < count; i++)
		for (size_t k = 0; k < sizeof(pairs) / sizeof(pairs[0]); k++)
			if (p->at[i].type == IKE_INTEG && p->at[i].id == pairs[k].integ)
				(void)add(p, (struct ike_transform){IKE_PRF, pairs[k].prf, 0});
}

/* Counts the encryption algorithms of both kinds. */
static void count_encr(const struct ike_proposal *p, unsigned *aeads, unsigned *others)
{
	*aeads = *others = 0;
	for (unsigned i = 0; i < p->count; i++) {
		const struct ike_algorithm *row = ike_algorithm_of(&p->at[i]);

		if (p->at[i].type == IKE_ENCR)
			(*(row->aead ? aeads : others))++;
	}
}

/* Puts in what may be left out; a sentence about what may not, or NULL. */
static const char *complete(struct ike_proposal *p)
{
	bool ike = p->protocol == IKE_PROTO_IKE;
	unsigned aeads, others;

	count_encr(p, &aeads, &others);
	if (aeads + others == 0)
		return "no encryption algorithm";
	if (aeads && others)
		return "an AEAD and another cipher: RFC 7296 §3.3 wants two proposals";
	if (ike && !ike_proposal_find(p, IKE_PRF))
		add_prfs(p);
	if (aeads)
		remove_type(p, IKE_INTEG);
	else if (!ike_proposal_find(p, IKE_INTEG))
		return "no integrity algorithm, which a cipher that is no AEAD needs";
	if (ike && !ike_proposal_find(p, IKE_PRF))
		return "no PRF: with an AEAD one must be named, like prfsha256";
	if (ike && !ike_proposal_find(p, IKE_DH))
		return "no DH group, like ecp256 or modp2048";
	if (!ike && !ike_proposal_find(p, IKE_ESN) &&
	    !add(p, (struct ike_transform){IKE_ESN, IKE_ESN_NO, 0}))
		return "too many algorithms";
	return NULL;
}

/* Brings each type's transforms together, in their order. */
static struct ike_proposal grouped(const struct ike_proposal *p)
{
	struct ike_proposal out = {.protocol = p->protocol};

	for (unsigned type = IKE_ENCR; type <= IKE_ESN; type++)
		for (unsigned i = 0; i < p->count; i++)
			if (p->at[i].type == type)
				out.at[out.count++] = p->at[i];
	return out;
}

int ike_proposal_parse(const char *text, enum ike_protocol protocol, struct ike_proposal *out,
		       char why[static 160])
{
	struct ike_proposal p = {.protocol = (uint8_t)protocol};
	const char *missing;

	for (const char *word = text, *end;; word = end + 1) {
		end = strchrnul(word, '-');
		if (end == word) {
			(void)snprintf(why, 160, "an algorithm is missing in '%.80s'", text);
			return -EINVAL;
		}
		if (add_word(&p, word, (size_t)(end - word), why) != 0)
			return -EINVAL;
		if (*end == '\0')
			break;
	}
	missing = complete(&p);
	if (missing) {
		(void)snprintf(why, 160, "%s", missing);
		return -EINVAL;
	}
	*out = grouped(&p);
	return 0;
}

unsigned ike_proposal_default(enum ike_protocol protocol, struct ike_proposal out[static 2])
{
	/* strongSwan's, less what we do not do; its order. */
	static const char *const texts[2][2] = {
		{"aes128gcm16-aes192gcm16-aes256gcm16-chacha20poly1305"
		 "-prfsha256-prfsha384-prfsha512"
		 "-ecp256-ecp384-ecp521-curve25519-curve448-modp3072-modp4096-modp2048",
		 "aes128-aes192-aes256-sha256-sha384-sha512"
		 "-ecp256-ecp384-ecp521-curve25519-curve448-modp3072-modp4096-modp2048"},
		{"aes128gcm16-aes192gcm16-aes256gcm16",
		 "aes128-aes192-aes256-sha256-sha384-sha512-sha1-aesxcbc"}};
	char why[160];

	for (unsigned i = 0; i < 2; i++)
		(void)ike_proposal_parse(texts[protocol != IKE_PROTO_IKE][i], protocol, &out[i],
					 why);
	return 2;
}

/* ---- writing ----------------------------------------------------------------------------------- */

struct text {
	char *buf;
	size_t len, size;
};

static void append(struct text *t, const char *s)
{
	size_t len = strlen(s), room = t->size - t->len - 1;

	if (len > room)
		len = room;
	memcpy(t->buf + t->len, s, len);
	t->len += len;
	t->buf[t->len] = '\0';
}

/* What a reader takes for granted: NONE beside an AEAD, no ESN alone. */
static bool goes_without_saying(const struct ike_proposal *p, const struct ike_transform *t)
{
	const struct ike_transform esn = {IKE_ESN, IKE_ESN_YES, 0};

	if (t->type == IKE_INTEG)
		return t->id == IKE_INTEG_NONE;
	if (t->type != IKE_ESN || t->id != IKE_ESN_NO)
		return false;
	for (unsigned i = 0; i < p->count; i++)
		if (p->at[i].type == esn.type && p->at[i].id == esn.id)
			return false;
	return true;
}

static void append_transform(struct text *text, const struct ike_transform *t)
{
	static const char *const types[] = {
		[IKE_ENCR] = "encr", [IKE_PRF] = "prf", [IKE_INTEG] = "integ",
		[IKE_DH] = "group",  [IKE_ESN] = "esn",
	};
	const struct ike_algorithm *row = ike_algorithm_of(t);
	char number[40];

	if (row) {
		append(text, row->word);
		return;
	}
	if (t->key_bits)
		(void)snprintf(number, sizeof(number), "%s#%u/%u", types[t->type], t->id,
			       t->key_bits);
	else
		(void)snprintf(number, sizeof(number), "%s#%u", types[t->type], t->id);
	append(text, number);
}

static void append_proposal(struct text *text, const struct ike_proposal *p)
{
	bool first = true;

	for (unsigned type = IKE_ENCR; type <= IKE_ESN; type++) {
		/* strongSwan's order: encryption, integrity, PRF, group */
		static const uint8_t order[] = {0, IKE_ENCR, IKE_INTEG, IKE_PRF, IKE_DH, IKE_ESN};

		for (unsigned i = 0; i < p->count; i++) {
			const struct ike_transform *t = &p->at[i];

			if (t->type != order[type] || goes_without_saying(p, t))
				continue;
			if (!first)
				append(text, "-");
			first = false;
			append_transform(text, t);
		}
	}
}

const char *ike_proposal_format(const struct ike_proposal *p, char *buf, size_t size)
{
	return ike_proposals_format(p, 1, buf, size);
}

const char *ike_proposals_format(const struct ike_proposal *p, unsigned count, char *buf,
				 size_t size)
{
	struct text text = {buf, 0, size};

	buf[0] = '\0';
	for (unsigned i = 0; i < count; i++) {
		if (i)
			append(&text, ", ");
		append_proposal(&text, &p[i]);
	}
	return buf;
}

const char *ike_offers_format(struct ike_span sa_body, char *buf, size_t size)
{
	struct text text = {buf, 0, size};
	struct ike_offer offer;

	buf[0] = '\0';
	while (ike_sa_next(&sa_body, &offer)) {
		if (text.len)
			append(&text, ", ");
		append_proposal(&text, &offer.proposal);
	}
	return buf;
}
