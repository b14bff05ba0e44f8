/*
 * sysctl.h: the few kernel settings capture needs, and putting back the one that is not ours.
 */
#ifndef CYGNET_SYSCTL_H
#define CYGNET_SYSCTL_H

/* Value of /proc/sys/PATH as a number. 0, -errno. */
int sysctl_read(const char *path, int *value);
int sysctl_write(const char *path, int value);

/* Source validation of what comes out of the TUN is the inbound policies' work; a strict default would
 * drop what they let in. Goes with the device, so nothing is put back. A failure is logged. */
void rp_filter_off(const char *device);

/* Sets net.ipv4.conf.all.src_valid_mark and writes its former value to a file in state_dir, unless
 * a crashed process's file is there: then that holds the former value. 0, -errno. */
int src_valid_mark_set(const char *state_dir);
/* Puts the former value back and removes the file. 0, -errno. */
int src_valid_mark_restore(const char *state_dir);

#endif
