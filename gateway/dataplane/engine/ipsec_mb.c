/*
 * ipsec_mb.c: see ipsec_mb.h. The direct interface is used, one packet a call: on processors with
 * VAES it is as fast as the multi-buffer one for AES-GCM, keeps no state between packets, and so
 * several threads may share it. CBC and HMAC gain only from many packets at once and stay with OpenSSL.
 */
#include "gateway/dataplane/engine/ipsec_mb.h"

#include <errno.h>

#ifdef CYGNET_IPSEC_MB

#include <dlfcn.h>
#include <intel-ipsec-mb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIBRARY "libIPSec_MB.so.1"

enum { KEY_ALIGN = 64, CHACHA_KEY_LEN = 32 };

/* Set by ipsec_mb_open, before the threads that use it; then immutable. */
static IMB_MGR *manager;

/* An expanded key, and the functions of its length: 1,024 bytes, one for each end of an SA. */
struct engine_key {
	union {
		/* Its own header forgets to say what alignment it wants. */
		_Alignas(KEY_ALIGN) struct gcm_key_data gcm;
		uint8_t chacha[CHACHA_KEY_LEN];
	};
	aes_gcm_enc_dec_t seal, open; /* NULL: ChaCha20-Poly1305 */
};

static bool has(enum esp_encr_id id, uint8_t key_len)
{
	switch (id) {
	case ESP_ENCR_AES_GCM:
	case ESP_ENCR_AES_GCM_IIV:
		return key_len == 16 || key_len == 24 || key_len == 32;
	case ESP_ENCR_CHACHA20_POLY1305:
	case ESP_ENCR_CHACHA20_POLY1305_IIV:
		return key_len == CHACHA_KEY_LEN;
	default:
		return false;
	}
}

static void gcm_init(struct engine_key *k, const uint8_t *key, uint8_t key_len)
{
	const aes_gcm_pre_t pre = key_len == 16	  ? manager->gcm128_pre
				  : key_len == 24 ? manager->gcm192_pre
						  : manager->gcm256_pre;

	pre(key, &k->gcm);
	k->seal = key_len == 16	  ? manager->gcm128_enc
		  : key_len == 24 ? manager->gcm192_enc
				  : manager->gcm256_enc;
	k->open = key_len == 16	  ? manager->gcm128_dec
		  : key_len == 24 ? manager->gcm192_dec
				  : manager->gcm256_dec;
}

static void *key_new(enum esp_encr_id id, const uint8_t *key, uint8_t key_len)
{
	struct engine_key *k = aligned_alloc(KEY_ALIGN, sizeof(*k));

	if (!k)
		return NULL;
	memset(k, 0, sizeof(*k));
	if (id == ESP_ENCR_AES_GCM || id == ESP_ENCR_AES_GCM_IIV)
		gcm_init(k, key, key_len);
	else
		memcpy(k->chacha, key, sizeof(k->chacha));
	return k;
}

static void key_free(void *key)
{
	if (!key)
		return;
	explicit_bzero(key, sizeof(struct engine_key));
	free(key);
}

/* Runs one packet and writes its tag, whole, to tag. */
static void chacha(const struct engine_key *k, const struct esp_aead_pass *p, bool seal,
		   uint8_t tag[static IMB_MAX_TAG_LEN])
{
	struct chacha20_poly1305_context_data ctx;

	manager->chacha20_poly1305_init(k->chacha, &ctx, p->nonce, p->aad, p->aad_len);
	(seal ? manager->chacha20_poly1305_enc_update : manager->chacha20_poly1305_dec_update)(
		k->chacha, &ctx, p->text, p->text, p->text_len);
	manager->chacha20_poly1305_finalize(&ctx, tag, IMB_MAX_TAG_LEN);
	explicit_bzero(&ctx, sizeof(ctx));
}

static void seal_one(const void *key, const struct esp_aead_pass *p)
{
	const struct engine_key *k = key;
	struct gcm_context_data ctx;
	uint8_t tag[IMB_MAX_TAG_LEN];

	if (!k->seal) {
		chacha(k, p, true, tag);
		memcpy(p->icv, tag, p->icv_len);
		return;
	}
	k->seal(&k->gcm, &ctx, p->text, p->text, p->text_len, p->nonce, p->aad, p->aad_len, p->icv,
		p->icv_len);
}

/* Takes the same time whatever differs. */
static bool equal(const uint8_t *a, const uint8_t *b, uint32_t len)
{
	uint64_t x[2] = {0}, y[2] = {0};

	memcpy(x, a, len);
	memcpy(y, b, len);
	return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

static bool open_one(const void *key, const struct esp_aead_pass *p)
{
	const struct engine_key *k = key;
	struct gcm_context_data ctx;
	uint8_t tag[IMB_MAX_TAG_LEN];
	bool authentic;

	if (k->open)
		k->open(&k->gcm, &ctx, p->text, p->text, p->text_len, p->nonce, p->aad, p->aad_len,
			tag, p->icv_len);
	else
		chacha(k, p, false, tag);
	authentic = equal(tag, p->icv, p->icv_len);
	/* The right ICV of a forged packet is a secret; it stays nowhere. */
	explicit_bzero(tag, sizeof(tag));
	return authentic;
}

static const struct esp_engine engine = {has, key_new, key_free, seal_one, open_one};

struct library {
	unsigned (*version)(void);
	const char *(*version_text)(void);
	IMB_MGR *(*alloc)(uint64_t flags);
	void (*init)(IMB_MGR *state, IMB_ARCH *arch);
	void (*free)(IMB_MGR *state);
};

/* dlsym gives objects, POSIX says they may be functions. */
static void *symbol(void *handle, const char *name)
{
	return dlsym(handle, name);
}

static bool find_functions(void *handle, struct library *lib)
{
	*(void **)&lib->version = symbol(handle, "imb_get_version");
	*(void **)&lib->version_text = symbol(handle, "imb_get_version_str");
	*(void **)&lib->alloc = symbol(handle, "alloc_mb_mgr");
	*(void **)&lib->init = symbol(handle, "init_mb_mgr_auto");
	*(void **)&lib->free = symbol(handle, "free_mb_mgr");
	return lib->version && lib->version_text && lib->alloc && lib->init && lib->free;
}

static const char *arch_name(IMB_ARCH arch, uint64_t features)
{
	if (arch == IMB_ARCH_AVX512)
		return features & IMB_FEATURE_VAES ? "AVX-512 VAES" : "AVX-512";
	return arch == IMB_ARCH_AVX2 ? "AVX2" : arch == IMB_ARCH_AVX ? "AVX" : "SSE";
}

/* 0 with the manager set up, else an error with nothing left behind but the library. */
static int start(const struct library *lib, IMB_ARCH *arch, const char **why)
{
	IMB_MGR *m = lib->alloc(0);

	*why = "out of memory";
	if (!m)
		return -ENOMEM;
	lib->init(m, arch);
	if (*arch == IMB_ARCH_NONE || !(m->features & IMB_FEATURE_AESNI)) {
		lib->free(m);
		*why = "this processor has no AES instructions";
		return -ENOSYS;
	}
	if ((m->features & IMB_FEATURE_SELF_TEST) && !(m->features & IMB_FEATURE_SELF_TEST_PASS)) {
		lib->free(m);
		*why = LIBRARY " failed its self-test";
		return -ENOSYS;
	}
	manager = m;
	return 0;
}

int ipsec_mb_open(const struct esp_engine **out, char name[static 32], const char **why)
{
	static IMB_ARCH arch;
	struct library lib = {0};
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	int rc;

	*why = "there is no " LIBRARY " (Debian: libipsec-mb1)";
	if (!handle)
		return -ENOENT;
	*why = LIBRARY " is another version than this program was built for";
	/* A later one appends to the structures that are shared, an earlier one lacks their ends. */
	if (!find_functions(handle, &lib) || lib.version() < IMB_VERSION_NUM) {
		dlclose(handle);
		return -ENOSYS;
	}
	rc = manager ? 0 : start(&lib, &arch, why);
	if (rc < 0) {
		dlclose(handle);
		return rc;
	}
	/* The handle stays open as long as the process: the functions are in it. */
	(void)snprintf(name, 32, "IPSec-MB %.8s %s", lib.version_text(),
		       arch_name(arch, manager->features));
	*out = &engine;
	return 0;
}

#else

int ipsec_mb_open(const struct esp_engine **out, char name[static 32], const char **why)
{
	(void)out;
	(void)name;
	*why = "this program was built without IPSec-MB";
	return -ENOSYS;
}

#endif
