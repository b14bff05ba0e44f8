/*
 * ipsec_mb.h: Intel's IPSec-MB as an engine of esp: AES-GCM and ChaCha20-Poly1305 for x86, several
 * times as fast as OpenSSL where the processor has wide vectors. Known at build time only by its
 * header; the library is looked for when the program starts, and is not needed.
 */
#ifndef CYGNET_IPSEC_MB_H
#define CYGNET_IPSEC_MB_H

#include "esp/esp.h"

/* Loads the library, once for the process. 0 and its functions in *out (static), its name and version
 * in name; -ENOENT: there is none, -ENOSYS: not known at build time, too old, or nothing for this
 * processor, -ENOMEM. *why is then a sentence, static. Before seccomp: it maps code. */
int ipsec_mb_open(const struct esp_engine **out, char name[static 32], const char **why)
	__attribute__((warn_unused_result));

#endif
