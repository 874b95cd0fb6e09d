// SPDX-License-Identifier: GPL-2.0
/*
 * What of the benchmark is user space's: SysV shared memory, and an object
 * made of a memfd and a udmabuf.  Prints "BENCH case unit value".
 *
 * usage: programs [PATTERN]
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <time.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <linux/udmabuf.h>

#define ROUNDS 7
#define PAGE 4096UL
#define MIB (1UL << 20)

static const char *pattern = "*";

static int wanted(const char *name)
{
	return !fnmatch(pattern, name, 0);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void report(const char *name, const char *unit, uint64_t spent,
		   uint64_t count)
{
	if (wanted(name))
		printf("BENCH %s %s %.3f\n", name, unit,
		       (double)spent / count);
}

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

static void touch(char *mem, size_t size, size_t step, int write)
{
	volatile char *p = mem;
	size_t i;

	for (i = 0; i < size; i += step) {
		if (write)
			p[i] = 1;
		else
			(void)p[i];
	}
}

struct sysv_names {
	const char *get, *attach, *write, *read, *faults;
};

/* A segment's life: made, attached, filled, and attached again to be read */
static void sysv_round(size_t size, size_t step, int flags,
		       const struct sysv_names *names)
{
	const int n = 64;
	uint64_t begin, got = 0, attached = 0;
	char *mem, *again;
	long before;
	int i, id;

	if (!wanted(names->get) && !wanted(names->attach) &&
	    !wanted(names->write) && !wanted(names->read) &&
	    !wanted(names->faults))
		return;
	for (i = 0; i < n; i++) {
		begin = now();
		id = shmget(IPC_PRIVATE, size, IPC_CREAT | flags | 0600);
		got += now() - begin;
		if (id < 0)
			fail(names->get);
		begin = now();
		mem = shmat(id, NULL, 0);
		attached += now() - begin;
		if (mem == (void *)-1)
			fail(names->attach);
		shmdt(mem);
		shmctl(id, IPC_RMID, NULL);
	}
	report(names->get, "each", got, n);
	report(names->attach, "each", attached, n);

	id = shmget(IPC_PRIVATE, size, IPC_CREAT | flags | 0600);
	mem = shmat(id, NULL, 0);
	if (mem == (void *)-1)
		fail(names->write);
	shmctl(id, IPC_RMID, NULL);
	begin = now();
	touch(mem, size, step, 1);
	report(names->write, "a_page", now() - begin, size / step);

	again = shmat(id, NULL, 0);
	if (again == (void *)-1)
		fail(names->read);
	before = faults();
	begin = now();
	touch(again, size, step, 0);
	report(names->read, "a_page", now() - begin, size / step);
	report(names->faults, "faults", faults() - before, 1);
	shmdt(again);
	shmdt(mem);
}

#define SYSV_NAMES(kind) (&(const struct sysv_names) {	\
	.get = kind "/shmget", .attach = kind "/shmat",	\
	.write = kind "/first-write", .read = kind "/read-again",	\
	.faults = kind "/read-again-faults" })

#define DESIGN (4 * MIB)

/* What a device driver would be handed */
static int dmabuf_of(int memfd)
{
	struct udmabuf_create create = {
		.memfd = memfd,
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = DESIGN,
	};
	int device, fd;

	device = open("/dev/udmabuf", O_RDWR);
	if (device < 0)
		fail("/dev/udmabuf");
	fd = ioctl(device, UDMABUF_CREATE, &create);
	close(device);
	if (fd < 0)
		fail("UDMABUF_CREATE");
	return fd;
}

static void udmabuf_round(char *buf)
{
	uint64_t begin = now();
	char *mem;
	int memfd, fd;

	memfd = memfd_create("bench", MFD_ALLOW_SEALING);
	if (memfd < 0 || ftruncate(memfd, DESIGN) ||
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		fail("memfd");
	if (pwrite(memfd, buf, DESIGN, 0) != DESIGN)
		fail("pwrite");
	fd = dmabuf_of(memfd);
	mem = mmap(NULL, DESIGN, PROT_READ, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		fail("mmap");
	memcpy(buf, mem, DESIGN);
	munmap(mem, DESIGN);
	close(fd);
	close(memfd);
	report("design/udmabuf", "a_page", now() - begin, DESIGN / PAGE);
}

int main(int argc, char **argv)
{
	char *buf;
	int i;

	if (argc > 1)
		pattern = argv[1];
	buf = malloc(DESIGN);
	memset(buf, 1, DESIGN);
	for (i = 0; i < ROUNDS; i++)
		sysv_round(64 * MIB, PAGE, 0, SYSV_NAMES("sysv"));
	for (i = 0; i < ROUNDS; i++)
		sysv_round(64 * MIB, 2 * MIB, SHM_HUGETLB,
			   SYSV_NAMES("sysv-hugetlb"));
	if (wanted("design/udmabuf"))
		for (i = 0; i < ROUNDS; i++)
			udmabuf_round(buf);
	free(buf);
	return 0;
}
