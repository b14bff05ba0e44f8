/*
 * tests/bench/blast.c: small UDP packets at a steady rate, and how many arrive. iperf3 spends too
 * much on each packet to be a load here.
 *
 *     blast count PORT                            until the sender says that it has ended
 *     blast send ADDRESS PORT LENGTH RATE SECONDS LENGTH: of the IPv4 packet; RATE: packets a second
 *
 * Each prints one line of JSON. Called by tests/bench/measure.py.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
	BURST_MAX = 256,
	TICK_NS = 200000, /* sleeping is allowed to be coarse: what is due goes out together */
	HEADERS = 28,	  /* IPv4 and UDP */
	DATA_MAX = 1472,
	END_TIMES = 5,
	SOCKET_BUFFER = 8 << 20
};

static const char end_mark[] = "blast-end";

static void need(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "blast: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void set_buffer(int fd, int option)
{
	int value = SOCKET_BUFFER;

	need(setsockopt(fd, SOL_SOCKET, option, &value, sizeof(value)) == 0, "socket buffer");
}

/* All of a burst has the same bytes. */
struct burst {
	struct mmsghdr msgs[BURST_MAX];
	struct iovec iov[BURST_MAX];
	uint8_t data[BURST_MAX][DATA_MAX];
};

static void burst_init(struct burst *b, size_t len)
{
	memset(b, 0, sizeof(*b));
	for (unsigned i = 0; i < BURST_MAX; i++) {
		b->iov[i] = (struct iovec){b->data[i], len};
		b->msgs[i].msg_hdr = (struct msghdr){.msg_iov = &b->iov[i], .msg_iovlen = 1};
	}
}

static int count(uint16_t port)
{
	const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
	static struct burst b;
	unsigned long received = 0;
	double first = 0, last = 0;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	need(fd >= 0, "socket");
	set_buffer(fd, SO_RCVBUFFORCE);
	need(bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0, "bind");
	puts("ready");
	fflush(stdout);
	burst_init(&b, DATA_MAX);
	for (;;) {
		int n = recvmmsg(fd, b.msgs, BURST_MAX, MSG_WAITFORONE, NULL);

		need(n > 0, "recvmmsg");
		for (int i = 0; i < n; i++) {
			if (b.msgs[i].msg_len < sizeof(end_mark) ||
			    memcmp(b.data[i], end_mark, sizeof(end_mark)) != 0) {
				last = now();
				first = received++ ? first : last;
				continue;
			}
			printf("{\"received\":%lu,\"seconds\":%.4f}\n", received, last - first);
			return EXIT_SUCCESS;
		}
	}
}

static unsigned long send_for(int fd, struct burst *b, double rate, double seconds)
{
	double start = now(), at = start;
	unsigned long sent = 0;

	while (at - start < seconds) {
		unsigned long due = (unsigned long)((at - start) * rate) - sent;
		const struct timespec tick = {0, TICK_NS};

		while (due > 0) {
			int n = sendmmsg(fd, b->msgs, due < BURST_MAX ? (unsigned)due : BURST_MAX,
					 0);

			/* ICMP errors show here; the packets are lost either way. */
			if (n <= 0)
				n = 1;
			due -= (unsigned long)n;
			sent += (unsigned long)n;
		}
		nanosleep(&tick, NULL);
		at = now();
	}
	return sent;
}

static int send_all(const char *address, uint16_t port, size_t len, double rate, double seconds)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	const struct timespec pause = {0, 50000000};
	static struct burst b;
	unsigned long sent;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	need(fd >= 0, "socket");
	need(inet_pton(AF_INET, address, &to.sin_addr) == 1, address);
	set_buffer(fd, SO_SNDBUFFORCE);
	need(connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0, "connect");
	burst_init(&b, len);
	sent = send_for(fd, &b, rate, seconds);
	for (unsigned i = 0; i < END_TIMES; i++) {
		nanosleep(&pause, NULL);
		(void)send(fd, end_mark, sizeof(end_mark), 0);
	}
	printf("{\"sent\":%lu,\"seconds\":%.4f}\n", sent, seconds);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "count") == 0)
		return count((uint16_t)atoi(argv[2]));
	if (argc == 7 && strcmp(argv[1], "send") == 0) {
		long len = atol(argv[4]) - HEADERS;
		double rate = atof(argv[5]), seconds = atof(argv[6]);

		need(len >= (long)sizeof(end_mark) && len <= DATA_MAX && rate > 0 && seconds > 0,
		     "LENGTH from 38 to 1500, RATE and SECONDS above 0");
		return send_all(argv[2], (uint16_t)atoi(argv[3]), (size_t)len, rate, seconds);
	}
	fputs("usage: blast count PORT | blast send ADDRESS PORT LENGTH RATE SECONDS\n", stderr);
	return EXIT_FAILURE;
}
