/*
 * check.h: cygnet-iked as a one-time program: --check and --load.
 */
#ifndef CYGNET_IKED_CHECK_H
#define CYGNET_IKED_CHECK_H

#include "gateway/iked/config/config.h"
#include "gateway/iked/options.h"

/* Says what is wrong with the file, or what it will do. 0: it is right. */
int iked_check(const struct iked_options *options);
/* What the XFRM of a kernel cannot do, each with its line. 0; -EINVAL: there is some. */
int iked_check_for_kernel(const struct iked_config *config, struct config_report *report);
/* Hands it to the daemon behind --control. 0: it has it. */
int iked_load(const struct iked_options *options);

#endif
