/*
 * test_xdp.c: an AF_XDP port over a kernel of the test's (a linker --wrap of the calls that make and
 * kick it): what a device leaves, drops or refuses is counted once and never stands in the way.
 */
#include "gateway/dataplane/wire/xdp.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_xdp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum {
	FRAMES = 256, /* as in xdp.c */
	BATCH = 32,   /* of the kernel's, a call */
	PRODUCER = 0,
	CONSUMER = 64,
	ENTRIES = 128
};

/* The kernel. */
static struct {
	uint8_t *tx, *done;
	unsigned room; /* frames the device takes before it is full */
	int refuses;   /* errno of every call; 0: none */
	bool drops;    /* each frame, and says so */
	unsigned calls, sent;
	uint32_t len[FRAMES]; /* of what was sent, the last FRAMES of it */
} kernel;

static struct xdp_port *port;
static uint64_t verdicts[V_COUNT];

static uint32_t *index_of(uint8_t *ring, unsigned at)
{
	return (uint32_t *)(void *)(ring + at);
}

int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
int __real_setsockopt(int fd, int level, int option, const void *value, socklen_t len);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t len);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *len);
int __wrap_bind(int fd, const struct sockaddr *addr, socklen_t len);
void *__real_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
ssize_t __wrap_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
		      socklen_t to_len);

int __wrap_socket(int domain, int type, int protocol)
{
	return domain == AF_XDP ? open("/dev/null", O_RDWR | O_CLOEXEC)
				: __real_socket(domain, type, protocol);
}

int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	(void)fd;
	(void)level;
	(void)option;
	(void)value;
	(void)len;
	return 0;
}

int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
	const struct xdp_ring_offset ring = {
		.producer = PRODUCER, .consumer = CONSUMER, .desc = ENTRIES};
	const struct xdp_mmap_offsets offsets = {.rx = ring, .tx = ring, .fr = ring, .cr = ring};

	(void)fd;
	ck_assert(level == SOL_XDP && option == XDP_MMAP_OFFSETS && *len == sizeof(offsets));
	memcpy(value, &offsets, sizeof(offsets));
	return 0;
}

int __wrap_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	(void)fd;
	(void)len;
	ck_assert_int_eq(addr->sa_family, AF_XDP);
	return 0;
}

void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	uint8_t **ring = offset == XDP_PGOFF_TX_RING ? &kernel.tx : &kernel.done;

	if (fd < 0)
		return __real_mmap(addr, len, prot, flags, fd, offset);
	*ring = __real_mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return *ring;
}

/* Takes frames from one ring and gives them back by the other, as the kernel does in copy mode. */
ssize_t __wrap_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
		      socklen_t to_len)
{
	const struct xdp_desc *tx = (const struct xdp_desc *)(void *)(kernel.tx + ENTRIES);
	uint64_t *done = (uint64_t *)(void *)(kernel.done + ENTRIES);
	uint32_t *at = index_of(kernel.tx, CONSUMER), *back = index_of(kernel.done, PRODUCER);

	ck_assert(fd >= 0 && !buf && len == 0 && flags == MSG_DONTWAIT && !to && to_len == 0);
	kernel.calls++;
	errno = kernel.refuses;
	if (errno)
		return -1;
	for (unsigned i = 0; i < BATCH; i++) {
		if (*at == *index_of(kernel.tx, PRODUCER))
			return 0;
		if (kernel.room == 0)
			break;
		if (!kernel.drops) {
			kernel.room--;
			kernel.len[kernel.sent++ % FRAMES] = tx[*at % FRAMES].len;
		}
		done[(*back)++ % FRAMES] = tx[(*at)++ % FRAMES].addr;
		if (kernel.drops) {
			errno = EBUSY;
			return -1;
		}
	}
	errno = EAGAIN;
	return -1;
}

static void setup(void)
{
	memset(&kernel, 0, sizeof(kernel));
	memset(verdicts, 0, sizeof(verdicts));
	ck_assert_int_eq(xdp_open(&port, 7, 0), 0);
}

static void teardown(void)
{
	xdp_close(port);
}

/* Puts up to count frames of 100, 101 .. bytes; how many there was room for. */
static unsigned put(unsigned count)
{
	unsigned n = 0;

	for (uint8_t *room; n < count && (room = xdp_room(port)); n++) {
		memset(room, 0xa5, 100 + n);
		xdp_put(port, 100 + n);
	}
	return n;
}

static void expect(uint64_t ok, uint64_t queue, uint64_t refused)
{
	ck_assert_uint_eq(verdicts[V_OK], ok);
	ck_assert_uint_eq(verdicts[V_WIRE_QUEUE], queue);
	ck_assert_uint_eq(verdicts[V_WIRE_REFUSED], refused);
}

START_TEST(test_xdp_sends_what_was_put)
{
	kernel.room = UINT32_MAX;
	for (unsigned round = 1; round <= 10; round++) {
		ck_assert_uint_eq(put(64), 64);
		xdp_flush(port, verdicts);
		expect((uint64_t)64 * round, 0, 0);
		ck_assert_uint_eq(kernel.sent, 64 * round);
		for (unsigned i = 0; i < 64; i++)
			ck_assert_uint_eq(kernel.len[(kernel.sent - 64 + i) % FRAMES], 100 + i);
	}
	kernel.calls = 0;
	xdp_flush(port, verdicts);
	ck_assert_uint_eq(kernel.calls, 0); /* nothing to do */
	ck_assert(!xdp_is_broken(port));
}
END_TEST

/* They go when there is room again, whether or not anything else does. */
START_TEST(test_xdp_what_a_full_device_leaves_goes_later)
{
	kernel.room = 5;
	ck_assert_uint_eq(put(20), 20);
	xdp_flush(port, verdicts);
	ck_assert_uint_eq(kernel.sent, 5);
	expect(20, 0, 0); /* they are in the ring, and nobody takes them out */
	kernel.room = UINT32_MAX;
	xdp_flush(port, verdicts);
	ck_assert_uint_eq(kernel.sent, 20);
	expect(20, 0, 0);
	ck_assert_uint_eq(kernel.len[19], 119);
}
END_TEST

START_TEST(test_xdp_a_full_ring_empties_again)
{
	kernel.room = 0;
	ck_assert_uint_eq(put(FRAMES + 1), FRAMES);
	xdp_flush(port, verdicts);
	ck_assert_uint_eq(put(1), 0);
	xdp_flush(port, verdicts); /* as ways_send does when nothing found room */
	ck_assert_uint_eq(kernel.sent, 0);
	kernel.room = UINT32_MAX;
	ck_assert_uint_eq(put(1), 0);
	xdp_flush(port, verdicts);
	ck_assert_uint_eq(kernel.sent, FRAMES);
	ck_assert_uint_eq(put(10), 10);
	xdp_flush(port, verdicts);
	ck_assert_uint_eq(kernel.sent, FRAMES + 10);
	expect(FRAMES + 10, 0, 0);
}
END_TEST

START_TEST(test_xdp_counts_what_the_device_drops)
{
	kernel.room = UINT32_MAX;
	kernel.drops = true;
	ck_assert_uint_eq(put(3), 3);
	xdp_flush(port, verdicts);
	expect(0, 3, 0);
	ck_assert(!xdp_is_broken(port));
}
END_TEST

START_TEST(test_xdp_a_refusal_breaks_the_port)
{
	kernel.refuses = ENETDOWN;
	ck_assert_uint_eq(put(3), 3);
	xdp_flush(port, verdicts);
	expect(0, 0, 3);
	ck_assert(xdp_is_broken(port));
	kernel.calls = 0;
	ck_assert_uint_eq(put(1), 0);
	xdp_flush(port, verdicts);
	ck_assert_uint_eq(kernel.calls, 0);
	expect(0, 0, 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("xdp");
	TCase *tc = tcase_create("port");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_xdp_sends_what_was_put);
	tcase_add_test(tc, test_xdp_what_a_full_device_leaves_goes_later);
	tcase_add_test(tc, test_xdp_a_full_ring_empties_again);
	tcase_add_test(tc, test_xdp_counts_what_the_device_drops);
	tcase_add_test(tc, test_xdp_a_refusal_breaks_the_port);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
