// SPDX-License-Identifier: GPL-2.0
/*
 * samples/anon_object, the manual's driver: its buffers are files, its device
 * works on them, and nothing is left of either. tests/guest/sample.sh loads it.
 */
#include "harness.h"

#include <sys/ioctl.h>

#include "anon_object_sample.h"

#define MODULE	"anon_object_sample"
#define DEVICE	"/dev/" MODULE
#define PAGES	64
#define SIZE	(PAGES * PAGE)
#define RW	(PROT_READ | PROT_WRITE)

static int create(int dev, __u64 size)
{
	return ioctl(dev, ANON_SAMPLE_CREATE, &size);
}

static int run(int dev, int fd, __u64 pos, __u64 len)
{
	struct anon_sample_range range = { .pos = pos, .len = len, .fd = fd };

	return ioctl(dev, ANON_SAMPLE_RUN, &range);
}

static int idle(int dev, int fd)
{
	return ioctl(dev, ANON_SAMPLE_IDLE, &fd);
}

static int discard(int dev, int fd)
{
	return ioctl(dev, ANON_SAMPLE_DISCARD, &fd);
}

static void *map(int fd)
{
	return mmap(NULL, SIZE, RW, MAP_SHARED, fd, 0);
}

/* A value in the buffer's fdinfo, -1 if it is not there */
static long long fdinfo(int fd, const char *key)
{
	char path[64], buf[1024], *at;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if (read_file(path, buf, sizeof(buf)))
		return -1;
	at = strstr(buf, key);
	return at ? atoll(at + strlen(key) + 1) : -1;
}

/* How many buffers there are, whoever has them */
static int buffers(void)
{
	char line[256];
	FILE *list;
	int n = 0;

	list = fopen(ANON_OBJECTS, "r");
	if (!list)
		return -1;
	while (fgets(line, sizeof(line), list))
		n += !strncmp(line, "sample\\040buffer ", 17);
	fclose(list);
	return n;
}

/* Another CPU may have some of it in its batches for a while */
static bool all_in_swap(int dev, int fd)
{
	int i;

	for (i = 0; i < 200; i++) {
		if (idle(dev, fd))
			return false;
		if (fdinfo(fd, "swapped:") == SIZE)
			return true;
		usleep(10000);
	}
	return false;
}

FIXTURE(sample)
{
	int dev;
	int fd;
};

FIXTURE_SETUP(sample)
{
	self->dev = open(DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->dev);
	self->fd = create(self->dev, SIZE);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(sample)
{
	int i;

	close(self->fd);
	close(self->dev);
	/* The last of them goes when it is its turn */
	for (i = 0; i < 200 && buffers(); i++)
		usleep(10000);
	EXPECT_EQ(0, buffers());
}

TEST_F(sample, buffer_is_a_file)
{
	char *mem = map(self->fd), word[8];
	struct stat st;

	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(SIZE, st.st_size);
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->fd, F_GETFD));
	ASSERT_EQ(8, pwrite(self->fd, "a buffer", 8, 3 * PAGE));
	EXPECT_EQ(0, memcmp(mem + 3 * PAGE, "a buffer", 8));
	memcpy(mem + 5 * PAGE, "a device", 8);
	ASSERT_EQ(8, pread(self->fd, word, 8, 5 * PAGE));
	EXPECT_EQ(0, memcmp(word, "a device", 8));
	EXPECT_EQ(1, buffers());
	munmap(mem, SIZE);
}

TEST_F(sample, device_works_on_a_range)
{
	unsigned char *mem = map(self->fd);
	size_t i, wrong = 0;

	ASSERT_NE(MAP_FAILED, mem);
	for (i = 0; i < SIZE; i++)
		mem[i] = i / 7;
	ASSERT_EQ(0, run(self->dev, self->fd, 2 * PAGE, 20 * PAGE));
	for (i = 0; i < SIZE; i++) {
		unsigned char want = i / 7;

		if (i >= 2 * PAGE && i < 22 * PAGE)
			want = ~want;
		wrong += mem[i] != want;
	}
	EXPECT_EQ(0, wrong);
	EXPECT_EQ(0, fdinfo(self->fd, "pinned:"));
	munmap(mem, SIZE);
}

/* Nobody but the device has written there: it is for the driver to tell */
TEST_F(sample, device_fills_holes)
{
	unsigned char byte;

	stay_here();
	EXPECT_EQ(0, fdinfo(self->fd, "resident:"));
	ASSERT_EQ(0, run(self->dev, self->fd, 0, SIZE));
	EXPECT_EQ(SIZE, fdinfo(self->fd, "resident:"));
	ASSERT_EQ(1, pread(self->fd, &byte, 1, SIZE - 1));
	EXPECT_EQ(0xff, byte);
	EXPECT_TRUE(all_in_swap(self->dev, self->fd));
	ASSERT_EQ(1, pread(self->fd, &byte, 1, SIZE - 1));
	EXPECT_EQ(0xff, byte);
}

/* What the device has written goes to swap, and comes back, also to the device */
TEST_F(sample, idle_buffer_is_in_swap)
{
	char *want = malloc(SIZE), *mem = map(self->fd);
	size_t i;

	stay_here();
	ASSERT_NE(MAP_FAILED, mem);
	pattern_fill(mem, SIZE, 1);
	munmap(mem, SIZE);
	ASSERT_EQ(0, run(self->dev, self->fd, 0, SIZE));
	ASSERT_TRUE(all_in_swap(self->dev, self->fd));
	EXPECT_EQ(0, fdinfo(self->fd, "resident:"));

	ASSERT_EQ(SIZE, pread(self->fd, want, SIZE, 0));
	for (i = 0; i < SIZE; i++)
		want[i] = ~want[i];
	EXPECT_EQ(0, pattern_check(want, SIZE, 1));

	ASSERT_TRUE(all_in_swap(self->dev, self->fd));
	ASSERT_EQ(0, run(self->dev, self->fd, 0, SIZE));
	ASSERT_EQ(SIZE, pread(self->fd, want, SIZE, 0));
	EXPECT_EQ(0, pattern_check(want, SIZE, 1));
	free(want);
}

static int child_is_gone(void *arg)
{
	return 0;
}

/* The hooks count what there is of mappings, however it came and went */
TEST_F(sample, mapped_buffer_is_not_idle)
{
	char *mem = map(self->fd);

	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(EBUSY, ERRNO_OF(idle(self->dev, self->fd)));
	ASSERT_EQ(0, munmap(mem + PAGE, PAGE));
	EXPECT_EQ(0, in_child(child_is_gone, NULL));
	ASSERT_EQ(0, munmap(mem, PAGE));
	EXPECT_EQ(EBUSY, ERRNO_OF(idle(self->dev, self->fd)));
	ASSERT_EQ(0, munmap(mem + 2 * PAGE, SIZE - 2 * PAGE));
	EXPECT_EQ(0, idle(self->dev, self->fd));
}

TEST_F(sample, discarded_buffer_is_empty)
{
	char *mem = map(self->fd), byte;

	ASSERT_NE(MAP_FAILED, mem);
	memset(mem, 'd', SIZE);
	ASSERT_EQ(0, discard(self->dev, self->fd));
	EXPECT_EQ(0, fdinfo(self->fd, "resident:"));
	EXPECT_EQ(SIGBUS, read_signal(mem));
	EXPECT_EQ(0, pread(self->fd, &byte, 1, 0));
	EXPECT_EQ(EINVAL, ERRNO_OF(run(self->dev, self->fd, 0, PAGE)));
	EXPECT_EQ(0, discard(self->dev, self->fd));
	munmap(mem, SIZE);
}

TEST_F(sample, what_is_wrong_is_refused)
{
	struct anon_sample_range range = { .len = PAGE, .fd = self->fd, .pad = 1 };
	int memfd = memfd_create("no buffer", 0);

	EXPECT_EQ(EINVAL, ERRNO_OF(create(self->dev, 0)));
	EXPECT_EQ(EINVAL, ERRNO_OF(create(self->dev, PAGE + 1)));
	EXPECT_EQ(EINVAL, ERRNO_OF(create(self->dev, 1ULL << 63)));
	EXPECT_EQ(EFAULT, ERRNO_OF(ioctl(self->dev, ANON_SAMPLE_CREATE, 8)));
	EXPECT_EQ(EINVAL, ERRNO_OF(run(self->dev, self->fd, 0, 0)));
	EXPECT_EQ(EINVAL, ERRNO_OF(run(self->dev, self->fd, 1, PAGE)));
	EXPECT_EQ(EINVAL, ERRNO_OF(run(self->dev, self->fd, PAGE, SIZE)));
	EXPECT_EQ(EINVAL, ERRNO_OF(run(self->dev, self->fd, -PAGE, PAGE)));
	EXPECT_EQ(EINVAL, ERRNO_OF(run(self->dev, self->fd, 0, -PAGE)));
	EXPECT_EQ(EINVAL, ERRNO_OF(ioctl(self->dev, ANON_SAMPLE_RUN, &range)));
	EXPECT_EQ(EFAULT, ERRNO_OF(ioctl(self->dev, ANON_SAMPLE_RUN, 8)));
	EXPECT_EQ(EFAULT, ERRNO_OF(ioctl(self->dev, ANON_SAMPLE_IDLE, 8)));
	EXPECT_EQ(EBADF, ERRNO_OF(idle(self->dev, -1)));
	EXPECT_EQ(EINVAL, ERRNO_OF(idle(self->dev, memfd)));
	EXPECT_EQ(EINVAL, ERRNO_OF(discard(self->dev, self->dev)));
	EXPECT_EQ(ENOTTY, ERRNO_OF(ioctl(self->dev, _IO('a', 0x4f), 0)));
	close(memfd);
}

/* No number for it: the buffer that was made goes again */
TEST_F(sample, too_many_files)
{
	struct rlimit old, none = {};

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	none.rlim_max = old.rlim_max;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	EXPECT_EQ(EINVAL, ERRNO_OF(create(self->dev, SIZE)));
	none.rlim_cur = self->fd + 1;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	EXPECT_EQ(EMFILE, ERRNO_OF(create(self->dev, SIZE)));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	EXPECT_EQ(1, buffers());
}

/* A buffer needs its driver, and a mapping its buffer */
TEST_F(sample, driver_stays_while_it_is_needed)
{
	char *mem = map(self->fd);

	ASSERT_NE(MAP_FAILED, mem);
	close(self->dev);
	self->dev = -1;
	EXPECT_EQ(EWOULDBLOCK, ERRNO_OF(syscall(SYS_delete_module, MODULE,
						O_NONBLOCK)));
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(EWOULDBLOCK, ERRNO_OF(syscall(SYS_delete_module, MODULE,
						O_NONBLOCK)));
	memset(mem, 'm', SIZE);
	EXPECT_EQ(1, buffers());
	munmap(mem, SIZE);
}

TEST_HARNESS_MAIN
