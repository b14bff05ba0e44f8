/*
 * report.h: where messages about a configuration go.
 */
#ifndef CYGNET_IKED_REPORT_H
#define CYGNET_IKED_REPORT_H

#include "gateway/iked/config/tree.h"

struct config_report report_to_log(void);
/* Warnings were said before. */
struct config_report report_errors_to_log(void);
/* Standard error, for --check and --load. */
struct config_report report_to_stderr(void);

#endif
