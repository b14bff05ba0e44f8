/*
 * rtnl.h: one question, one answer with the kernel's rtnetlink. A socket of its own for requests;
 * answers are taken only from the kernel, with the sequence number asked for, and the wait for
 * them is bounded. hostnet.c reads with it, capture writes with it. Control thread.
 */
#ifndef CYGNET_RTNL_H
#define CYGNET_RTNL_H

#include <libmnl/libmnl.h>
#include <stdint.h>
#include <sys/types.h>

#include "packet/packet.h"

struct rtnl;

/* 0, -errno. */
int rtnl_open(struct rtnl **out);
void rtnl_close(struct rtnl *r); /* NULL is fine */
/* Our address as others see it in the notifications our requests cause. */
uint32_t rtnl_port(const struct rtnl *r);

/* A request in the socket's own buffer, valid until the next one is begun. */
struct nlmsghdr *rtnl_begin(struct rtnl *r, uint16_t type, uint16_t flags);
/* Sends what was begun and waits for the acknowledgement: 0, or the kernel's -errno, or ours
 * (-ETIMEDOUT). */
int rtnl_ask(struct rtnl *r);
/* Sends what was begun; fn is called for each message of the answer, which is a dump if the
 * request has NLM_F_DUMP. 0, -errno; -EINTR: the dump was overtaken by a change, do it again. */
int rtnl_read(struct rtnl *r, void (*fn)(void *ctx, const struct nlmsghdr *nlh), void *ctx);

/* Receives one datagram from the kernel on a netlink socket into buf. Its length, or -errno;
 * -EPROTO for one that another process sent. */
ssize_t rtnl_receive(int fd, void *buf, size_t size, int flags);

/* Attributes by number into tb[0..max], NULL where missing; unknown ones are passed over. */
void rtnl_attrs(const struct nlmsghdr *nlh, size_t header_len, const struct nlattr **tb,
		uint16_t max);
/* The same for the attributes inside another one, which may be NULL. */
void rtnl_nested_attrs(const struct nlattr *nest, const struct nlattr **tb, uint16_t max);
/* An attribute as an address, AF_UNSPEC if it is missing or not of the family's length. */
struct ip_addr rtnl_addr(const struct nlattr *attr, uint8_t family);
/* An attribute as a number, fallback if it is missing or too short. */
uint32_t rtnl_u32(const struct nlattr *attr, uint32_t fallback);
/* Writes addr's bytes as attribute type. */
void rtnl_put_addr(struct nlmsghdr *nlh, uint16_t type, const struct ip_addr *addr);

#endif
