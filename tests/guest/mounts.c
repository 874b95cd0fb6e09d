// SPDX-License-Identifier: GPL-2.0
/*
 * tmpfs and hugetlbfs as they are mounted by user space: their inodes have no
 * objects, but they share the code with those that have. Limits, holes,
 * reservations and large folios are what they are without objects.
 */
#include "harness.h"

#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <sys/xattr.h>

#include "fail.h"

#define AT	"/mnt"
#define PUNCH	(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define RW	(PROT_READ | PROT_WRITE)
#define UNITS	8

#define THP	"/sys/kernel/mm/transparent_hugepage/"

#ifndef PR_SET_THP_DISABLE
#define PR_SET_THP_DISABLE	41
#endif

/* A namespace of mounts of one's own */
static int mounts_unshare(void)
{
	if (unshare(CLONE_NEWNS))
		return -errno;
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ? -errno : 0;
}

static int mount_at(const char *type, const char *options)
{
	return mount("none", AT, type, 0, options) ? -errno : 0;
}

static int new_file(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), AT "/%s", name);
	return open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

static long blocks_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? -1 : (long)st.st_blocks;
}

static long size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? -1 : (long)st.st_size;
}

static struct statfs statfs_of(void)
{
	struct statfs fs = {};

	statfs(AT, &fs);
	return fs;
}

/* --- both of them --------------------------------------------------------- */

FIXTURE(mounts)
{
	size_t unit;
	long pool;
};

FIXTURE_VARIANT(mounts)
{
	const char *type;
};

FIXTURE_VARIANT_ADD(mounts, tmpfs)
{
	.type = "tmpfs",
};

FIXTURE_VARIANT_ADD(mounts, hugetlbfs)
{
	.type = "hugetlbfs",
};

static bool is_huge(const char *type)
{
	return !strcmp(type, "hugetlbfs");
}

FIXTURE_SETUP(mounts)
{
	self->pool = -1;
	self->unit = PAGE;
	if (is_huge(variant->type)) {
		self->unit = huge_page_size();
		if (!self->unit)
			SKIP(return, "no hugetlb in this kernel");
		self->pool = huge_pool_get(UNITS);
		ASSERT_LE(0, self->pool);
	}
	ASSERT_EQ(0, mounts_unshare());
}

FIXTURE_TEARDOWN(mounts)
{
	umount2(AT, MNT_DETACH);
	huge_pool_put(self->pool);
}

#define MOUNT(...) do {							\
	char __options[96];						\
									\
	snprintf(__options, sizeof(__options), __VA_ARGS__);		\
	ASSERT_EQ(0, mount_at(variant->type, __options));		\
} while (0)

/* Each kind of file there is, and what it is when it is looked at */
TEST_F(mounts, kinds_of_files)
{
	bool huge = is_huge(variant->type);
	char target[300], text[300];
	struct stat st;
	int fd;

	MOUNT("mode=0711,uid=7,gid=8");
	ASSERT_EQ(0, stat(AT, &st));
	EXPECT_EQ(S_IFDIR | 0711, st.st_mode);
	EXPECT_EQ(7, st.st_uid);
	EXPECT_EQ(8, st.st_gid);
	EXPECT_EQ(2, st.st_nlink);

	ASSERT_EQ(0, mkdir(AT "/dir", 0700));
	ASSERT_EQ(0, stat(AT "/dir", &st));
	EXPECT_TRUE(S_ISDIR(st.st_mode));
	EXPECT_EQ(2, st.st_nlink);
	ASSERT_EQ(0, stat(AT, &st));
	EXPECT_EQ(3, st.st_nlink);

	ASSERT_EQ(0, mknod(AT "/fifo", S_IFIFO | 0600, 0));
	ASSERT_EQ(0, stat(AT "/fifo", &st));
	EXPECT_TRUE(S_ISFIFO(st.st_mode));
	ASSERT_EQ(0, mknod(AT "/null", S_IFCHR | 0600, makedev(1, 3)));
	ASSERT_EQ(0, stat(AT "/null", &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(makedev(1, 3), st.st_rdev);

	memset(target, 'x', sizeof(target));
	target[sizeof(target) - 1] = '\0';
	/* They would be written as files are, which huge pages are not */
	EXPECT_EQ(huge ? EINVAL : 0, ERRNO_OF(symlink(target, AT "/long")));
	EXPECT_EQ(huge ? EINVAL : 0, ERRNO_OF(symlink("dir", AT "/short")));
	if (!huge) {
		EXPECT_EQ(3, readlink(AT "/short", text, sizeof(text)));
		EXPECT_EQ(sizeof(target) - 1,
			  readlink(AT "/long", text, sizeof(text)));
		EXPECT_EQ(0, memcmp(target, text, sizeof(target) - 1));
	}

	fd = open(AT "/dir", O_TMPFILE | O_RDWR, 0600);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_TRUE(S_ISREG(st.st_mode));
	EXPECT_EQ(0, st.st_nlink);
	EXPECT_EQ(self->unit, st.st_blksize);
	close(fd);
	EXPECT_EQ(0, rmdir(AT "/dir"));
}

/* What is beyond the limit is refused as a whole, and nothing of it stays. */
TEST_F(mounts, size)
{
	struct statfs fs;
	int one, two;

	MOUNT("size=%zu", 4 * self->unit);
	fs = statfs_of();
	EXPECT_EQ(self->unit, fs.f_bsize);
	EXPECT_EQ(4, fs.f_blocks);
	EXPECT_EQ(4, fs.f_bfree);

	one = new_file("one");
	two = new_file("two");
	ASSERT_LE(0, one);
	ASSERT_LE(0, two);
	EXPECT_EQ(ENOSPC, ERRNO_OF(fallocate(one, 0, 0, 5 * self->unit)));
	ASSERT_EQ(0, ftruncate(one, 0));
	ASSERT_EQ(0, fallocate(one, PUNCH, 0, 5 * self->unit));
	EXPECT_EQ(0, blocks_of(one));
	ASSERT_EQ(0, fallocate(one, 0, 0, 3 * self->unit));
	EXPECT_EQ(1, statfs_of().f_bfree);
	EXPECT_EQ(ENOSPC, ERRNO_OF(fallocate(two, 0, 0, 2 * self->unit)));
	EXPECT_EQ(0, size_of(two));
	ASSERT_EQ(0, ftruncate(one, 0));
	ASSERT_EQ(0, fallocate(two, 0, 0, 4 * self->unit));
	EXPECT_EQ(0, statfs_of().f_bfree);
	EXPECT_EQ(4 * self->unit / 512, blocks_of(two));
	EXPECT_EQ(4 * self->unit, size_of(two));
	close(one);
	close(two);
	ASSERT_EQ(0, unlink(AT "/two"));
	EXPECT_EQ(4, statfs_of().f_bfree);
}

TEST_F(mounts, inodes)
{
	struct statfs fs;
	int fd;

	MOUNT("nr_inodes=3,size=%zu", self->unit);
	fs = statfs_of();
	EXPECT_EQ(3, fs.f_files);
	EXPECT_EQ(2, fs.f_ffree);
	fd = new_file("one");
	ASSERT_LE(0, fd);
	close(fd);
	ASSERT_EQ(0, mkdir(AT "/two", 0700));
	EXPECT_EQ(ENOSPC, ERRNO_OF(new_file("three")));
	EXPECT_EQ(0, statfs_of().f_ffree);
	ASSERT_EQ(0, unlink(AT "/one"));
	EXPECT_EQ(1, statfs_of().f_ffree);
	EXPECT_LE(0, new_file("three"));
}

/* Holes of whole units are freed, and what else is punched is cleared. */
TEST_F(mounts, holes)
{
	size_t unit = self->unit, half = unit / 2;
	char *mem;
	int fd;

	MOUNT("mode=0700");
	fd = new_file("file");
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fallocate(fd, 0, 0, 4 * unit));
	mem = mmap(NULL, 4 * unit, RW, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	memset(mem, 1, 4 * unit);

	/* Within a unit; from its middle to its end; from its start */
	ASSERT_EQ(0, fallocate(fd, PUNCH, 16, 32));
	EXPECT_EQ(1, mem[15]);
	EXPECT_EQ(0, mem[16] | mem[47]);
	EXPECT_EQ(1, mem[48]);
	ASSERT_EQ(0, fallocate(fd, PUNCH, half, half));
	EXPECT_EQ(1, mem[half - 1]);
	EXPECT_EQ(0, mem[half] | mem[unit - 1]);
	EXPECT_EQ(1, mem[unit]);
	ASSERT_EQ(0, fallocate(fd, PUNCH, unit, half));
	EXPECT_EQ(0, mem[unit] | mem[unit + half - 1]);
	EXPECT_EQ(1, mem[unit + half]);
	EXPECT_EQ(4 * unit / 512, blocks_of(fd));

	/* Over a whole one, which goes, and into its neighbours */
	ASSERT_EQ(0, fallocate(fd, PUNCH, 2 * unit - 8, unit + 16));
	EXPECT_EQ(3 * unit / 512, blocks_of(fd));
	EXPECT_EQ(1, mem[2 * unit - 9]);
	EXPECT_EQ(0, mem[2 * unit - 8]);
	EXPECT_EQ(0, mem[3 * unit + 7]);
	EXPECT_EQ(1, mem[3 * unit + 8]);
	EXPECT_EQ(0, mem[2 * unit]);

	/* Where nothing is, and beyond the end */
	ASSERT_EQ(0, fallocate(fd, PUNCH, 2 * unit, unit));
	ASSERT_EQ(0, fallocate(fd, PUNCH, 2 * unit + 8, 8));
	ASSERT_EQ(0, fallocate(fd, PUNCH, 3 * unit + half, 4 * unit));
	EXPECT_EQ(1, mem[3 * unit + half - 1]);
	EXPECT_EQ(0, mem[3 * unit + half]);
	EXPECT_EQ(4 * unit, size_of(fd));
	munmap(mem, 4 * unit);

	/* With nobody who maps it */
	ASSERT_EQ(0, fallocate(fd, PUNCH, 0, 4 * unit));
	EXPECT_EQ(0, blocks_of(fd));
	close(fd);
}

TEST_F(mounts, allocation)
{
	size_t unit = self->unit;
	int fd;

	MOUNT("mode=0700");
	fd = new_file("file");
	ASSERT_LE(0, fd);
	EXPECT_EQ(EOPNOTSUPP, ERRNO_OF(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE,
						 0, unit)));
	ASSERT_EQ(0, fallocate(fd, FALLOC_FL_KEEP_SIZE, unit, unit));
	EXPECT_EQ(0, size_of(fd));
	EXPECT_EQ(unit / 512, blocks_of(fd));
	/* Around what is there */
	ASSERT_EQ(0, fallocate(fd, 0, 0, 3 * unit));
	EXPECT_EQ(3 * unit, size_of(fd));
	EXPECT_EQ(3 * unit / 512, blocks_of(fd));
	/* A byte is as good as all of its unit, and the file no shorter */
	ASSERT_EQ(0, fallocate(fd, 0, unit + 1, 1));
	EXPECT_EQ(3 * unit, size_of(fd));
	ASSERT_EQ(0, fallocate(fd, 0, 3 * unit, 1));
	EXPECT_EQ(3 * unit + 1, size_of(fd));
	EXPECT_EQ(4 * unit / 512, blocks_of(fd));
	close(fd);
}

/*
 * The end of a page cannot be where no file can end. A stock kernel goes on from
 * there below 0 with huge pages, and does not find them again, which is a BUG.
 */
TEST_F(mounts, allocation_at_the_very_end)
{
	int fd;

	if (is_huge(variant->type) && !kernel_is_ported())
		SKIP(return, "stock gives pages below 0");
	MOUNT("mode=0700");
	fd = new_file("file");
	ASSERT_LE(0, fd);
	EXPECT_EQ(EFBIG, ERRNO_OF(fallocate(fd, 0, INT64_MAX - 100, 100)));
	EXPECT_EQ(EFBIG, ERRNO_OF(fallocate(fd, FALLOC_FL_KEEP_SIZE,
					    INT64_MAX - self->unit,
					    self->unit)));
	EXPECT_EQ(0, blocks_of(fd));
	EXPECT_EQ(0, size_of(fd));
	close(fd);
}

static int beyond_the_file_limit(void *arg)
{
	const struct rlimit limit = { 2 * *(size_t *)arg, RLIM_INFINITY };
	int fd = new_file("limited");

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit))
		return 100;
	if (ERRNO_OF(fallocate(fd, 0, 0, limit.rlim_cur + 1)) != EFBIG)
		return 1;
	if (ERRNO_OF(fallocate(fd, FALLOC_FL_KEEP_SIZE, limit.rlim_cur, 1)) !=
	    EFBIG)
		return 2;
	if (blocks_of(fd) || size_of(fd))
		return 3;
	return fallocate(fd, 0, 0, limit.rlim_cur) ? 4 : 0;
}

TEST_F(mounts, file_limit)
{
	MOUNT("mode=0700");
	EXPECT_EQ(0, in_child(beyond_the_file_limit, &self->unit));
}

/* --- when memory is short ---------------------------------------------------- */

struct mounting {
	const char *type;
	const char *options;
	size_t size;
	int fd;
};

static int mount_it(void *arg)
{
	struct mounting *m = arg;

	return mount_at(m->type, m->options);
}

static void unmount_it(void *arg)
{
	umount(AT);
}

TEST_F(mounts, mounting_without_memory)
{
	static const int errors[] = { ENOMEM, ENOSPC, 0 };
	const struct fail_call call = {
		.call = mount_it,
		.undo = unmount_it,
		.errors = errors,
	};
	struct mounting m = { .type = variant->type };
	char options[64];

	if (!fail_init())
		SKIP(return, "no allocations can fail in this kernel");
	snprintf(options, sizeof(options), "size=%zu%s", 4 * self->unit,
		 is_huge(variant->type) ? ",min_size=1" : "");
	m.options = options;
	EXPECT_FAILS_WELL(&call, &m, 3);
}

static int make_it(void *arg)
{
	struct mounting *m = arg;

	m->fd = new_file("file");
	return m->fd < 0 ? -errno : 0;
}

static void unlink_it(void *arg)
{
	struct mounting *m = arg;

	close(m->fd);
	unlink(AT "/file");
}

static int prepare_mounted(void *arg)
{
	int err = mount_it(arg);

	return err ? err : make_it(arg);
}

static void finish_mounted(void *arg)
{
	unlink_it(arg);
	unmount_it(arg);
}

TEST_F(mounts, making_files_without_memory)
{
	static const int errors[] = { ENOMEM, ENOSPC, ENFILE, 0 };
	const struct fail_call call = {
		.prepare = mount_it,
		.call = make_it,
		.undo = unlink_it,
		.finish = unmount_it,
		.errors = errors,
	};
	struct mounting m = { .type = variant->type, .options = "" };

	if (!fail_init())
		SKIP(return, "no allocations can fail in this kernel");
	EXPECT_FAILS_WELL(&call, &m, 3);
}

static int fill_it(void *arg)
{
	struct mounting *m = arg;

	return fallocate(m->fd, 0, 0, m->size) ? -errno : 0;
}

TEST_F(mounts, allocation_without_memory)
{
	static const int errors[] = { ENOMEM, ENOSPC, 0 };
	const struct fail_call call = {
		.prepare = prepare_mounted,
		.call = fill_it,
		.finish = finish_mounted,
		.errors = errors,
	};
	struct mounting m = {
		.type = variant->type,
		.options = "",
		.size = 4 * self->unit,
	};

	if (!fail_init())
		SKIP(return, "no allocations can fail in this kernel");
	EXPECT_FAILS_WELL(&call, &m, 1);
}

/* --- hugetlbfs -------------------------------------------------------------- */

FIXTURE(huge)
{
	size_t unit;
	long pool;
	struct cgroup cg;
};

FIXTURE_SETUP(huge)
{
	self->pool = -1;
	self->unit = huge_page_size();
	if (!self->unit)
		SKIP(return, "no hugetlb in this kernel");
	self->pool = huge_pool_get(UNITS);
	ASSERT_LE(0, self->pool);
	ASSERT_EQ(0, mounts_unshare());
}

FIXTURE_TEARDOWN(huge)
{
	umount2(AT, MNT_DETACH);
	cgroup_leave(&self->cg);
	huge_pool_put(self->pool);
}

static int mount_huge(const char *format, size_t size)
{
	char options[64];

	snprintf(options, sizeof(options), format, size);
	return mount_at("hugetlbfs", options);
}

/* What a mount is to have at least is reserved for its files. */
TEST_F(huge, min_size)
{
	long reserved = meminfo("HugePages_Rsvd");
	long total = meminfo("HugePages_Total");
	int fd;

	EXPECT_EQ(-ENOMEM, mount_huge("min_size=%zu",
				      (total + 1) * self->unit));
	EXPECT_EQ(reserved, meminfo("HugePages_Rsvd"));
	ASSERT_EQ(0, mount_huge("min_size=%zu", 2 * self->unit));
	EXPECT_EQ(reserved + 2, meminfo("HugePages_Rsvd"));
	fd = new_file("file");
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fallocate(fd, 0, 0, 3 * self->unit));
	EXPECT_EQ(reserved, meminfo("HugePages_Rsvd"));
	ASSERT_EQ(0, ftruncate(fd, 0));
	EXPECT_EQ(reserved + 2, meminfo("HugePages_Rsvd"));
	close(fd);
	ASSERT_EQ(0, umount(AT));
	EXPECT_EQ(reserved, meminfo("HugePages_Rsvd"));
}

/* A page that its cgroup may not have is the mount's again. */
TEST_F(huge, beyond_the_cgroup)
{
	long reserved = meminfo("HugePages_Rsvd");
	char file[160];
	int fd;

	if (write_file("/sys/fs/cgroup/cgroup.subtree_control", "+hugetlb"))
		SKIP(return, "no hugetlb controller in this kernel");
	ASSERT_EQ(0, cgroup_enter(&self->cg, "mounts"));
	snprintf(file, sizeof(file), "%s/hugetlb.%luMB.max", self->cg.path,
		 self->unit / MIB);
	ASSERT_EQ(0, write_file(file, "%zu", self->unit));
	ASSERT_EQ(0, mount_huge("min_size=%zu", 2 * self->unit));
	fd = new_file("file");
	ASSERT_LE(0, fd);
	EXPECT_EQ(ENOSPC, ERRNO_OF(fallocate(fd, 0, 0, 2 * self->unit)));
	EXPECT_EQ(self->unit / 512, blocks_of(fd));
	EXPECT_EQ(reserved + 1, meminfo("HugePages_Rsvd"));
	ASSERT_EQ(0, write_file(file, "max"));
	ASSERT_EQ(0, fallocate(fd, 0, 0, 2 * self->unit));
	EXPECT_EQ(reserved, meminfo("HugePages_Rsvd"));
	close(fd);
	ASSERT_EQ(0, umount(AT));
	EXPECT_EQ(reserved, meminfo("HugePages_Rsvd"));
}

TEST_F(huge, truncated)
{
	char *mem;
	int fd;

	ASSERT_EQ(0, mount_at("hugetlbfs", ""));
	fd = new_file("file");
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, 3 * self->unit));
	EXPECT_EQ(EINVAL, ERRNO_OF(ftruncate(fd, self->unit + PAGE)));
	mem = mmap(NULL, 3 * self->unit, RW, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	memset(mem, 1, 3 * self->unit);
	ASSERT_EQ(0, ftruncate(fd, self->unit));
	EXPECT_EQ(self->unit / 512, blocks_of(fd));
	EXPECT_EQ(SIGBUS, read_signal(mem + self->unit));
	EXPECT_EQ(1, mem[self->unit - 1]);
	ASSERT_EQ(0, ftruncate(fd, 3 * self->unit));
	EXPECT_EQ(0, mem[self->unit]);
	munmap(mem, 3 * self->unit);
	close(fd);
}

static void on_alarm(int signal)
{
}

/* A signal ends an allocation; what it has is no loss. */
TEST_F(huge, interrupted)
{
	const struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
	const struct itimerval never = {};
	struct sigaction action = { .sa_handler = on_alarm };
	int fd, i, err = 0;

	ASSERT_EQ(0, mount_at("hugetlbfs", ""));
	fd = new_file("file");
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &often, NULL));
	for (i = 0; i < 100 && err != EINTR; i++) {
		fallocate(fd, PUNCH, 0, UNITS * self->unit);
		err = ERRNO_OF(fallocate(fd, 0, 0, UNITS * self->unit));
	}
	setitimer(ITIMER_REAL, &never, NULL);
	EXPECT_EQ(EINTR, err);
	EXPECT_GT(UNITS * self->unit / 512, blocks_of(fd));
	EXPECT_EQ(0, fallocate(fd, 0, 0, UNITS * self->unit));
	EXPECT_EQ(UNITS * self->unit / 512, blocks_of(fd));
	close(fd);
}

static int own_copy(void *arg)
{
	char *mem = arg;

	mem[0] = 'c';
	return mem[0] == 'c' ? 0 : 1;
}

/* Private mappings copy; who has reserved has the last page. */
TEST_F(huge, private)
{
	char *mem, *rest;
	int status;
	size_t nr;
	pid_t pid;

	mem = mmap(NULL, self->unit, RW,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	mem[0] = 'p';
	EXPECT_EQ(0, in_child(own_copy, mem));
	EXPECT_EQ('p', mem[0]);

	/* With no page left for a copy, that of a child is taken */
	nr = meminfo("HugePages_Free") - meminfo("HugePages_Rsvd");
	ASSERT_LT(0, nr);
	rest = mmap(NULL, nr * self->unit, RW,
		    MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ASSERT_NE(MAP_FAILED, rest);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		raise(SIGSTOP);
		_exit(mem[0]);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	mem[0] = 'q';
	EXPECT_EQ('q', mem[0]);
	ASSERT_EQ(0, kill(pid, SIGCONT));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	/* And a child has none of its own */
	EXPECT_EQ(-SIGBUS, in_child(own_copy, mem));
	munmap(rest, nr * self->unit);
	munmap(mem, self->unit);
}

/* Without a reservation it is first come, first served. */
TEST_F(huge, noreserve)
{
	long reserved = meminfo("HugePages_Rsvd");
	size_t nr = meminfo("HugePages_Free") - reserved;
	char *mem, *rest;

	mem = mmap(NULL, self->unit, RW, MAP_SHARED | MAP_ANONYMOUS |
		   MAP_HUGETLB | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(reserved, meminfo("HugePages_Rsvd"));
	rest = mmap(NULL, nr * self->unit, RW,
		    MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ASSERT_NE(MAP_FAILED, rest);
	EXPECT_EQ(SIGBUS, write_signal(mem));
	munmap(rest, nr * self->unit);
	EXPECT_EQ(0, write_signal(mem));
	munmap(mem, self->unit);
}

/* --- tmpfs ------------------------------------------------------------------ */

FIXTURE(tmpfs)
{
};

FIXTURE_SETUP(tmpfs)
{
	ASSERT_EQ(0, mounts_unshare());
}

FIXTURE_TEARDOWN(tmpfs)
{
	umount2(AT, MNT_DETACH);
}

static bool shows_option(const char *option)
{
	char line[512];
	bool shown = false;
	FILE *f = fopen("/proc/self/mounts", "re");

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, " " AT " ") && strstr(line, option))
			shown = true;
	if (f)
		fclose(f);
	return shown;
}

TEST_F(tmpfs, options)
{
	static const char * const options[] = {
		"nr_inodes=77", "noswap", "mode=700", "size=1024k", "uid=3",
		"gid=4", "inode64",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(options); i++) {
		/* inode64 is not of 32 bits */
		if (!strcmp(options[i], "inode64") && sizeof(long) < 8)
			continue;
		ASSERT_EQ(0, mount_at("tmpfs", options[i]));
		EXPECT_TRUE(shows_option(options[i]))
			TH_LOG("%s is not in /proc/self/mounts", options[i]);
		ASSERT_EQ(0, umount(AT));
	}
	EXPECT_EQ(-EINVAL, mount_at("tmpfs", "huge=sometimes"));
	EXPECT_EQ(-EINVAL, mount_at("tmpfs", "size=much"));
}

/* Xattrs are counted as inodes are, and go with their file. */
TEST_F(tmpfs, xattrs)
{
	char value[200];
	int i, fd;

	memset(value, 'v', sizeof(value));
	for (i = 0; i < 2; i++) {
		long before;

		ASSERT_EQ(0, mount_at("tmpfs",
				      i ? "nr_inodes=0" : "nr_inodes=10"));
		before = statfs_of().f_ffree;
		fd = new_file("file");
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, fsetxattr(fd, "trusted.one", value, sizeof(value),
				       0));
		ASSERT_EQ(0, fsetxattr(fd, "user.two", value, sizeof(value),
				       0));
		memset(value, 0, sizeof(value));
		EXPECT_EQ(sizeof(value), fgetxattr(fd, "user.two", value,
						   sizeof(value)));
		EXPECT_EQ('v', value[0]);
		if (!i)
			EXPECT_GT(before - 1, (long)statfs_of().f_ffree);
		close(fd);
		ASSERT_EQ(0, unlink(AT "/file"));
		EXPECT_EQ(before, statfs_of().f_ffree);
		ASSERT_EQ(0, umount(AT));
	}
}

/* What a directory hands on to what is made in it */
TEST_F(tmpfs, flags_are_inherited)
{
	int flags = FS_NOATIME_FL | FS_NODUMP_FL, dir, fd, got = 0;

	ASSERT_EQ(0, mount_at("tmpfs", ""));
	ASSERT_EQ(0, mkdir(AT "/dir", 0700));
	dir = open(AT "/dir", O_RDONLY | O_DIRECTORY);
	ASSERT_LE(0, dir);
	ASSERT_EQ(0, ioctl(dir, FS_IOC_SETFLAGS, &flags));
	fd = new_file("dir/file");
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ioctl(fd, FS_IOC_GETFLAGS, &got));
	EXPECT_EQ(flags, got & flags);
	close(fd);
	fd = new_file("file");
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ioctl(fd, FS_IOC_GETFLAGS, &got));
	EXPECT_EQ(0, got & flags);
	close(fd);
	close(dir);
}

TEST_F(tmpfs, noswap)
{
	char *mem;
	int fd, i;

	if (meminfo("SwapTotal") <= 0)
		SKIP(return, "no swap space");
	stay_here();
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, mount_at("tmpfs", i ? "noswap" : ""));
		fd = new_file("file");
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, ftruncate(fd, 16 * PAGE));
		mem = mmap(NULL, 16 * PAGE, RW, MAP_SHARED, fd, 0);
		ASSERT_NE(MAP_FAILED, mem);
		pattern_fill(mem, 16 * PAGE, 1);
		ASSERT_EQ(0, madvise(mem, 16 * PAGE, MADV_PAGEOUT));
		EXPECT_EQ(i == 1, smaps_kb(mem, "Rss") ==
				  (long)(16 * PAGE / 1024));
		EXPECT_EQ(0, pattern_check(mem, 16 * PAGE, 1));
		munmap(mem, 16 * PAGE);
		close(fd);
		ASSERT_EQ(0, umount(AT));
	}
}

/* Whoever is killed meanwhile has allocated all of it, or nothing. */
TEST_F(tmpfs, killed)
{
	const size_t size = 64 * MIB;
	int fd, pipes[2], i, status, killed = 0;
	long blocks;
	pid_t pid;
	char byte;

	ASSERT_EQ(0, mount_at("tmpfs", ""));
	fd = new_file("file");
	ASSERT_LE(0, fd);
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, pipe(pipes));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			if (write(pipes[1], "", 1) != 1)
				_exit(1);
			_exit(fallocate(fd, 0, 0, size) ? 2 : 0);
		}
		ASSERT_EQ(1, read(pipes[0], &byte, 1));
		usleep(i * 1000);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		killed += WIFSIGNALED(status);
		blocks = blocks_of(fd);
		EXPECT_TRUE(!blocks || blocks == (long)(size / 512))
			TH_LOG("%ld blocks are left", blocks);
		ASSERT_EQ(0, ftruncate(fd, 0));
		close(pipes[0]);
		close(pipes[1]);
	}
	EXPECT_LT(0, killed);
	close(fd);
}

/* --- large folios of tmpfs ---------------------------------------------------- */

FIXTURE(large)
{
	size_t unit;
	char huge[32];
};

FIXTURE_VARIANT(large)
{
	const char *policy;
	bool within;		/* the file's size */
	bool beyond;
	bool advised;		/* a mapping with MADV_HUGEPAGE */
};

FIXTURE_VARIANT_ADD(large, never)
{
	.policy = "never",
};

FIXTURE_VARIANT_ADD(large, always)
{
	.policy = "always",
	.within = true,
	.beyond = true,
	.advised = true,
};

FIXTURE_VARIANT_ADD(large, within_size)
{
	.policy = "within_size",
	.within = true,
	.advised = true,
};

FIXTURE_VARIANT_ADD(large, advise)
{
	.policy = "advise",
	.advised = true,
};

FIXTURE_SETUP(large)
{
	char options[32];

	self->unit = thp_size();
	if (!self->unit)
		SKIP(return, "no huge pages for shmem in this kernel");
	ASSERT_EQ(0, choice_read(SHMEM_ENABLED, self->huge,
				 sizeof(self->huge)));
	ASSERT_EQ(0, write_file(SHMEM_ENABLED, "never"));
	ASSERT_EQ(0, mounts_unshare());
	snprintf(options, sizeof(options), "huge=%s", variant->policy);
	ASSERT_EQ(0, mount_at("tmpfs", options));
	write_file("/proc/sys/vm/compact_memory", "1");
}

FIXTURE_TEARDOWN(large)
{
	umount2(AT, MNT_DETACH);
	if (self->huge[0])
		write_file(SHMEM_ENABLED, "%s", self->huge);
}

/* Is what is at @mem, once it is touched, a huge page of its own? */
static bool is_mapped_huge(char *mem)
{
	mem[0] = 1;
	return smaps_kb(mem, "ShmemPmdMapped") > 0 ||
	       smaps_kb(mem, "FilePmdMapped") > 0;
}

static char *map_file(int fd, size_t size, off_t offset)
{
	return mmap(NULL, size, RW, MAP_SHARED, fd, offset);
}

/* A new mapping each time, for a table of pages stays one */
static int is_huge_with(int fd, size_t size, int advice)
{
	char *mem;
	int huge;

	if (ftruncate(fd, 0) || ftruncate(fd, size))
		return -1;
	mem = map_file(fd, size, 0);
	if (mem == MAP_FAILED || madvise(mem, size, advice))
		return -1;
	huge = is_mapped_huge(mem);
	munmap(mem, size);
	return huge;
}

TEST_F(large, policy)
{
	int fd = new_file("file");

	ASSERT_LE(0, fd);
	EXPECT_EQ(variant->within, is_huge_with(fd, 2 * self->unit,
						MADV_NORMAL));
	EXPECT_EQ(variant->advised, is_huge_with(fd, 2 * self->unit,
						 MADV_HUGEPAGE));
	EXPECT_FALSE(is_huge_with(fd, 2 * self->unit, MADV_NOHUGEPAGE));
	close(fd);
}

static int map_without_huge_pages(void *arg)
{
	size_t unit = thp_size();
	char *mem = map_file(*(int *)arg, unit, 0);

	if (mem == MAP_FAILED || prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0))
		return 100;
	return is_mapped_huge(mem);
}

TEST_F(large, disabled_by_who_maps)
{
	int fd = new_file("file");

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, self->unit));
	EXPECT_EQ(0, in_child(map_without_huge_pages, &fd));
	close(fd);
}

/* "deny" and "force" are above what a mount says. */
TEST_F(large, denied_and_forced)
{
	int fd = new_file("file");

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, write_file(SHMEM_ENABLED, "deny"));
	EXPECT_FALSE(is_huge_with(fd, self->unit, MADV_HUGEPAGE));
	ASSERT_EQ(0, write_file(SHMEM_ENABLED, "force"));
	EXPECT_TRUE(is_huge_with(fd, self->unit, MADV_NORMAL));
	EXPECT_FALSE(is_huge_with(fd, self->unit, MADV_NOHUGEPAGE));
	close(fd);
}

/* Beyond the end of a file as well, whose end gives all of it back */
TEST_F(large, beyond_the_end)
{
	char byte = 1;
	int fd;

	fd = new_file("file");
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, pwrite(fd, &byte, 1, 0));
	EXPECT_EQ(1, size_of(fd));
	EXPECT_LE(PAGE / 512, blocks_of(fd));
	if (!variant->beyond)
		EXPECT_EQ(PAGE / 512, blocks_of(fd));
	ASSERT_EQ(1, pwrite(fd, &byte, 1, self->unit));
	close(fd);
	ASSERT_EQ(0, unlink(AT "/file"));
	EXPECT_EQ(statfs_of().f_blocks, statfs_of().f_bfree);
}

/* Where a mapping is to be put, for its huge pages to be mapped as such */
TEST_F(large, addresses)
{
	size_t unit = self->unit;
	char *mem, *odd, *hint;
	int fd;

	fd = new_file("file");
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, 8 * unit));
	/* An odd page in front, so that nothing aligns by chance */
	odd = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, odd);

	mem = map_file(fd, 2 * unit, 0);
	ASSERT_NE(MAP_FAILED, mem);
	if (strcmp(variant->policy, "never"))
		EXPECT_EQ(0, (uintptr_t)mem % unit);
	munmap(mem, 2 * unit);
	/* So that the file's huge pages are aligned, not the mapping */
	mem = map_file(fd, 4 * unit, unit / 2);
	ASSERT_NE(MAP_FAILED, mem);
	if (strcmp(variant->policy, "never"))
		EXPECT_EQ(unit / 2, (uintptr_t)mem % unit);
	munmap(mem, 4 * unit);
	/* Of no use: there is no whole one in it */
	mem = map_file(fd, unit, unit / 2);
	ASSERT_NE(MAP_FAILED, mem);
	munmap(mem, unit);
	mem = map_file(fd, unit / 2, 0);
	ASSERT_NE(MAP_FAILED, mem);
	munmap(mem, unit / 2);

	/* Who asks for an address gets that */
	mem = map_file(fd, 4 * unit, 0);
	ASSERT_NE(MAP_FAILED, mem);
	munmap(mem, 4 * unit);
	hint = mem + unit + PAGE;
	EXPECT_EQ(hint, mmap(hint, 2 * unit, RW, MAP_SHARED, fd, 0));
	EXPECT_EQ(hint, mmap(hint, 2 * unit, RW, MAP_SHARED | MAP_FIXED, fd,
			     0));
	munmap(hint, 2 * unit);
	EXPECT_EQ(ENOMEM, ERRNO_OF(mmap(NULL, SIZE_MAX & -unit, RW, MAP_SHARED,
					fd, 0)));
	munmap(odd, PAGE);
	close(fd);
}

/* --- shared anonymous memory, whose sizes are in sysfs ------------------------ */

FIXTURE(sizes)
{
	size_t unit;
	char dir[96];
	char huge[32];
	char choice[32];
};

FIXTURE_SETUP(sizes)
{
	/* The smallest that there is */
	self->unit = 4 * PAGE;
	snprintf(self->dir, sizeof(self->dir), THP "hugepages-%zukB",
		 self->unit / 1024);
	if (!thp_size())
		SKIP(return, "no huge pages for shmem in this kernel");
	ASSERT_EQ(0, choice_read(SHMEM_ENABLED, self->huge,
				 sizeof(self->huge)));
}

FIXTURE_TEARDOWN(sizes)
{
	char path[128];

	if (self->huge[0])
		write_file(SHMEM_ENABLED, "%s", self->huge);
	snprintf(path, sizeof(path), "%s/shmem_enabled", self->dir);
	write_file(path, "never");
}

struct size_case {
	const char *choice;	/* of this size */
	const char *system;	/* of all */
	bool advised;
	bool large;
};

/*
 * Shared memory whose pages of that size are aligned: the kernel goes by the
 * largest of all sizes, which may not fit.
 */
static char *map_aligned(size_t size, size_t unit)
{
	char *room = mmap(NULL, size + unit, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (room == MAP_FAILED)
		return room;
	return mmap(room + -(uintptr_t)room % unit, size, RW,
		    MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

/* Does memory that is touched come in folios of that size? */
static int large_folios(FIXTURE_DATA(sizes) *self, const struct size_case *c)
{
	char choice[128], stat[128];
	size_t size = 16 * self->unit;
	long before;
	char *mem;

	snprintf(choice, sizeof(choice), "%s/shmem_enabled", self->dir);
	snprintf(stat, sizeof(stat), "%s/stats/shmem_alloc", self->dir);
	if (write_file(SHMEM_ENABLED, "%s", c->system) ||
	    write_file(choice, "%s", c->choice))
		return -1;
	mem = map_aligned(size, self->unit);
	if (mem == MAP_FAILED)
		return -1;
	if (c->advised && madvise(mem, size, MADV_HUGEPAGE))
		return -1;
	before = read_long(stat);
	pattern_fill(mem, size, 1);
	before = read_long(stat) - before;
	if (pattern_check(mem, size, 1))
		return -1;
	munmap(mem, size);
	return before > 0;
}

TEST_F(sizes, choices)
{
	static const struct size_case cases[] = {
		{ "never", "never", false, false },
		{ "never", "never", true, false },
		{ "always", "never", false, true },
		{ "within_size", "never", false, true },
		{ "advise", "never", false, false },
		{ "advise", "never", true, true },
		{ "inherit", "never", true, false },
		{ "inherit", "advise", true, true },
		{ "inherit", "advise", false, false },
		{ "inherit", "within_size", false, true },
		{ "inherit", "always", false, true },
		{ "always", "deny", true, false },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		EXPECT_EQ(cases[i].large, large_folios(self, &cases[i]))
			TH_LOG("case %u", i);
	}
}

/* Addresses of shared anonymous memory are aligned for the largest of them. */
TEST_F(sizes, addresses)
{
	size_t size = 4 * self->unit;
	char *mem, *odd, path[128];
	int i;

	snprintf(path, sizeof(path), "%s/shmem_enabled", self->dir);
	ASSERT_EQ(0, write_file(SHMEM_ENABLED, "never"));
	ASSERT_EQ(0, write_file(path, "always"));
	for (i = 0; i < 4; i++) {
		/* A page in front, so that nothing aligns by chance */
		odd = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
		ASSERT_NE(MAP_FAILED, odd);
		mem = mmap(NULL, size, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		ASSERT_NE(MAP_FAILED, mem);
		EXPECT_EQ(0, (uintptr_t)mem % self->unit);
	}
	ASSERT_EQ(0, write_file(SHMEM_ENABLED, "always"));
	mem = mmap(NULL, 2 * thp_size(), RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(0, (uintptr_t)mem % thp_size());
	EXPECT_EQ(ENOMEM, ERRNO_OF(mmap(NULL, SIZE_MAX & -thp_size(), RW,
					MAP_SHARED | MAP_ANONYMOUS |
					MAP_NORESERVE, -1, 0)));
}

TEST_HARNESS_MAIN
