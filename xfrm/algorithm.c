/*
 * xfrm/algorithm.c: XFRMA_ALG_AEAD, _CRYPT, _AUTH and _AUTH_TRUNC to and from a suite and its keys.
 * Three structures that begin alike: a name of 64 bytes and the key's length in bits; AEAD and
 * AUTH_TRUNC add the ICV's length in bits. An AEAD's key has its salt at the end (RFC 4106 §8.1,
 * RFC 7634 §2). Key bytes never reach an error's text.
 */
#include "xfrm/message.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

enum {
	NAME_LEN = sizeof(((struct xfrm_algo *)NULL)->alg_name),
	ICV_UNSAID = 0, /* XFRMA_ALG_AUTH cannot say; XFRMA_ALG_AUTH_TRUNC may say 0 */
};

/* What the three structures have in common. */
struct algorithm {
	unsigned type;	 /* XFRMA_ALG_* */
	uint32_t offset; /* of the attribute, for errors */
	char name[NAME_LEN];
	char shown[NAME_LEN]; /* fit to print: the sender chooses these bytes */
	uint8_t key_len;      /* bytes */
	uint8_t icv_len;      /* bytes */
	const uint8_t *key;   /* borrowed from the message */
};

static size_t fixed_len(unsigned type)
{
	static_assert(sizeof(struct xfrm_algo_aead) == sizeof(struct xfrm_algo_auth), "read alike");
	return type == XFRMA_ALG_AEAD || type == XFRMA_ALG_AUTH_TRUNC
		       ? sizeof(struct xfrm_algo_aead)
		       : sizeof(struct xfrm_algo);
}

static void name_get(struct algorithm *alg, const uint8_t *data)
{
	memcpy(alg->name, data, NAME_LEN);
	alg->name[NAME_LEN - 1] = '\0'; /* the kernel cuts an unterminated name too */
	for (size_t i = 0; i < NAME_LEN; i++) {
		char c = alg->name[i];

		alg->shown[i] = (char)(c == '\0' || isprint((unsigned char)c) ? c : '?');
	}
}

static int read_algorithm(const struct xfrm_input *in, unsigned type, struct algorithm *out)
{
	const struct nlattr *attr = in->attrs.at[type];
	const uint8_t *data = xfrm_attr_data(attr);
	size_t fixed = fixed_len(type), room = xfrm_attr_len(attr) - fixed;
	uint32_t key_bits, icv_bits = ICV_UNSAID;

	*out = (struct algorithm){.type = type, .offset = xfrm_attr_offset(in, attr)};
	name_get(out, data);
	memcpy(&key_bits, data + NAME_LEN, sizeof(key_bits));
	if (fixed > sizeof(struct xfrm_algo))
		memcpy(&icv_bits, data + NAME_LEN + sizeof(key_bits), sizeof(icv_bits));
	if (key_bits % 8 || key_bits / 8 > UINT8_MAX || icv_bits % 8 || icv_bits / 8 > UINT8_MAX)
		return xfrm_error_set(in->err, -EINVAL, out->offset,
				      "%s %s: key of %u bits, ICV of %u bits: neither is possible",
				      xfrm_attr_name(type), out->shown, key_bits, icv_bits);
	if (key_bits / 8 > room)
		return xfrm_error_set(in->err, -EINVAL, out->offset,
				      "%s: a key of %u bits does not fit the attribute's %zu bytes",
				      xfrm_attr_name(type), key_bits, fixed + room);
	out->key_len = (uint8_t)(key_bits / 8);
	out->icv_len = (uint8_t)(icv_bits / 8);
	out->key = data + fixed;
	return 0;
}

static int refuse_name(const struct xfrm_input *in, const struct algorithm *alg)
{
	const char *why = xfrm_refusal(alg->name);

	return xfrm_error_set(in->err, -ENOSYS, alg->offset, "%s \"%s\": %s",
			      xfrm_attr_name(alg->type), alg->shown,
			      why ? why : "no such algorithm");
}

/* The ICV the kernel uses when the message does not say. For HMAC-SHA-256 that is 96 bits, which no
 * RFC has; esp refuses it, and the sentence says how to ask for the right one. */
static uint8_t default_icv(enum esp_integ_id id)
{
	switch (id) {
	case ESP_INTEG_NONE:
		return 0;
	case ESP_INTEG_HMAC_SHA2_384:
		return 24;
	case ESP_INTEG_HMAC_SHA2_512:
		return 32;
	default:
		return 12;
	}
}

static int find_suite(const struct xfrm_input *in, uint32_t offset, bool icv_said,
		      const struct esp_suite_spec *spec, struct sa_config *out)
{
	struct esp_suite_spec proper = *spec;
	const char *why = "";
	int rc = esp_suite_find(spec, &out->suite, &why);

	assert(rc || (spec->encr_key_len <= ESP_ENCR_KEY_MAX &&
		      spec->integ_key_len <= ESP_INTEG_KEY_MAX));
	if (rc == 0)
		return 0;
	proper.icv_len = 16; /* HMAC-SHA-256's */
	if (!icv_said && esp_suite_find(&proper, &out->suite, NULL) == 0)
		return xfrm_error_set(in->err, rc, offset,
				      "%s without an ICV length means 96 bits to the kernel; RFC "
				      "4868 has 128: send XFRMA_ALG_AUTH_TRUNC",
				      xfrm_integ_name(spec->integ));
	return xfrm_error_set(in->err, rc, offset, "%s", why);
}

static int get_aead(const struct xfrm_input *in, struct sa_config *out)
{
	struct esp_suite_spec spec = {.integ = ESP_INTEG_NONE};
	struct algorithm alg;
	int rc = read_algorithm(in, XFRMA_ALG_AEAD, &alg);

	if (rc)
		return rc;
	if (!xfrm_encr_lookup(alg.name, true, &spec.encr))
		return refuse_name(in, &alg);
	spec.encr_key_len = alg.key_len;
	spec.icv_len = alg.icv_len;
	rc = find_suite(in, alg.offset, true, &spec, out);
	if (rc == 0)
		memcpy(out->keys.encr, alg.key, alg.key_len);
	return rc;
}

static int get_pair(const struct xfrm_input *in, struct sa_config *out)
{
	unsigned auth_type =
		in->attrs.at[XFRMA_ALG_AUTH_TRUNC] ? XFRMA_ALG_AUTH_TRUNC : XFRMA_ALG_AUTH;
	struct esp_suite_spec spec = {.integ = ESP_INTEG_NONE};
	struct algorithm crypt, auth = {0};
	bool has_auth = in->attrs.at[auth_type] != NULL;
	int rc = read_algorithm(in, XFRMA_ALG_CRYPT, &crypt);

	if (rc == 0 && has_auth)
		rc = read_algorithm(in, auth_type, &auth);
	if (rc)
		return rc;
	if (has_auth && !xfrm_integ_lookup(auth.name, &spec.integ))
		return refuse_name(in, &auth);
	if (!xfrm_encr_lookup(crypt.name, false, &spec.encr))
		return refuse_name(in, &crypt);
	spec.encr_key_len = crypt.key_len;
	spec.integ_key_len = auth.key_len;
	spec.icv_len = auth.icv_len ? auth.icv_len : default_icv(spec.integ);
	rc = find_suite(in, crypt.offset, auth.icv_len != ICV_UNSAID, &spec, out);
	if (rc)
		return rc;
	memcpy(out->keys.encr, crypt.key, crypt.key_len);
	if (auth.key_len)
		memcpy(out->keys.integ, auth.key, auth.key_len);
	return 0;
}

int xfrm_suite_get(const struct xfrm_input *in, struct sa_config *out)
{
	const struct nlattr *const *at = in->attrs.at;
	bool separate = at[XFRMA_ALG_CRYPT] || at[XFRMA_ALG_AUTH] || at[XFRMA_ALG_AUTH_TRUNC];

	if (at[XFRMA_ALG_COMP])
		return xfrm_error_set(in->err, -EINVAL, xfrm_attr_offset(in, at[XFRMA_ALG_COMP]),
				      "XFRMA_ALG_COMP has no place in an ESP SA");
	if (at[XFRMA_ALG_AEAD] && separate)
		return xfrm_error_set(in->err, -EINVAL, xfrm_attr_offset(in, at[XFRMA_ALG_AEAD]),
				      "XFRMA_ALG_AEAD excludes XFRMA_ALG_CRYPT and XFRMA_ALG_AUTH");
	if (at[XFRMA_ALG_AEAD])
		return get_aead(in, out);
	if (!at[XFRMA_ALG_CRYPT])
		return xfrm_error_set(in->err, -EINVAL, 0,
				      "an ESP SA needs XFRMA_ALG_AEAD or XFRMA_ALG_CRYPT");
	return get_pair(in, out);
}

static void put_algorithm(struct xfrm_output *o, unsigned type, const char *name,
			  const uint8_t *key, size_t key_len, uint8_t icv_len)
{
	uint8_t raw[sizeof(struct xfrm_algo_aead) + UINT8_MAX] = {0};
	uint32_t key_bits = (uint32_t)key_len * 8, icv_bits = icv_len * 8u;
	size_t fixed = fixed_len(type);

	assert(strlen(name) < NAME_LEN); /* the rest of the field is zero */
	strncpy((char *)raw, name, NAME_LEN);
	memcpy(raw + NAME_LEN, &key_bits, sizeof(key_bits));
	if (fixed > sizeof(struct xfrm_algo))
		memcpy(raw + NAME_LEN + sizeof(key_bits), &icv_bits, sizeof(icv_bits));
	memcpy(raw + fixed, key, key_len);
	xfrm_attr_put(o, type, raw, fixed + key_len);
	explicit_bzero(raw, sizeof(raw));
}

void xfrm_suite_put(struct xfrm_output *o, const struct sa_config *config, bool request)
{
	struct esp_suite_spec spec = esp_suite_spec(&config->suite);
	const struct sa_keys *keys = &config->keys;
	bool aead = false;
	const char *encr = xfrm_encr_name(spec.encr, &aead);
	const char *integ = xfrm_integ_name(spec.integ);

	if (!encr || !integ) {
		o->full = true;
		return;
	}
	if (aead) {
		put_algorithm(o, XFRMA_ALG_AEAD, encr, keys->encr, spec.encr_key_len, spec.icv_len);
		return;
	}
	/* The kernel shows integrity twice; asked twice, it would use the truncated one. */
	if (!request)
		put_algorithm(o, XFRMA_ALG_AUTH, integ, keys->integ, spec.integ_key_len, 0);
	put_algorithm(o, XFRMA_ALG_AUTH_TRUNC, integ, keys->integ, spec.integ_key_len,
		      spec.icv_len);
	put_algorithm(o, XFRMA_ALG_CRYPT, encr, keys->encr, spec.encr_key_len, 0);
}
