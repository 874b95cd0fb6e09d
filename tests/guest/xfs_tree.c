// SPDX-License-Identifier: GPL-2.0
/*
 * xfs_tree fill DIR [SCALE]	put into it some of all that XFS has metadata of
 * xfs_tree list DIR		a line for each file, with sums of what is in it
 *
 * What the two say of a file system is to be the same whatever has been repaired
 * in between.  Blocks are not told, nor are sizes of directories: these may be
 * rebuilt into fewer.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/fs.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define BLOCK		4096
#define VALUE_MAX	65536
#define FNV_BASIS	0xcbf29ce484222325ULL
#define FNV_PRIME	0x100000001b3ULL

static unsigned char buf[VALUE_MAX];

static void fail(const char *what)
{
	fprintf(stderr, "xfs_tree: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void must(int ret, const char *what)
{
	if (ret < 0)
		fail(what);
}

/* --- filling ------------------------------------------------------------- */

/* What does not compress to nothing, and is different each time */
static void scramble(size_t len)
{
	static __u64 state = 1;
	size_t i;

	for (i = 0; i < len; i++) {
		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		buf[i] = state >> 56;
	}
}

static int make(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0644);

	must(fd, name);
	return fd;
}

static void write_block(int fd, off_t block)
{
	scramble(64);
	must(pwrite(fd, buf, BLOCK, block * BLOCK), "pwrite");
}

static void make_file(const char *name, int blocks)
{
	int fd = make(name);
	int i;

	for (i = 0; i < blocks; i++)
		write_block(fd, i);
	close(fd);
}

/* Long names: blocks of entries, of free space, and of hashes with a node */
static void fill_directory(int nr)
{
	char name[256], other[256];
	int i;

	must(mkdir("many", 0755), "many");
	for (i = 0; i < nr; i++) {
		snprintf(name, sizeof(name), "many/%06d-%0100d", i * 7919, i);
		make_file(name, i % 16 == 0);
		must(chown(name, i % 5, i % 3), name);
		snprintf(other, sizeof(other), "many/link-%d", i);
		if (i % 50 == 0)
			must(link(name, other), other);
	}
}

static void fill_tree(int depth)
{
	char name[4096] = "tree", file[4096 + 8];
	int i;

	for (i = 0; i < depth; i++) {
		must(mkdir(name, 0700 + i % 64), name);
		snprintf(file, sizeof(file), "%s/file", name);
		make_file(file, 1);
		strcat(name, "/down");
	}
}

/* In the inode and, where they are long, in a block of their own */
static void fill_symlinks(int nr)
{
	char name[64], target[1024];
	int i;

	must(mkdir("symlinks", 0755), "symlinks");
	for (i = 0; i < nr; i++) {
		memset(target, 'a' + i % 26, sizeof(target));
		target[1 + i * 37 % (sizeof(target) - 1)] = '\0';
		snprintf(name, sizeof(name), "symlinks/%d", i);
		must(symlink(target, name), name);
	}
	memset(target, 'z', sizeof(target));
	target[1000] = '\0';
	must(symlink(target, "symlink"), "symlink");
}

/* Short ones in leaves, and long ones in blocks of their own */
static void fill_attrs(int nr)
{
	char name[64];
	int fd = make("attrs");
	size_t len;
	int i;

	for (i = 0; i < nr; i++) {
		snprintf(name, sizeof(name), "user.number.%d", i);
		len = i % 2 ? VALUE_MAX - i : 10 + i;
		scramble(len);
		must(fsetxattr(fd, name, buf, len, 0), name);
	}
	close(fd);
}

/* As many extents as there are blocks, in two files that share most of them */
static void fill_extents(int nr)
{
	int fd = make("extents"), clone = make("clone");
	int i;

	for (i = 0; i < nr; i++)
		write_block(fd, 2 * i);
	must(fsync(fd), "extents");
	must(ioctl(clone, FICLONE, fd), "FICLONE");
	for (i = 0; i < nr; i += 5)
		write_block(clone, 2 * i);
	must(fsync(clone), "clone");
	close(fd);
	close(clone);
	fd = make("unwritten");
	must(fallocate(fd, 0, 0, nr * 256), "fallocate");
	close(fd);
}

static void fill(int scale)
{
	/* Repair makes it where there is none */
	must(mkdir("lost+found", 0700), "lost+found");
	fill_directory(300 * scale);
	fill_tree(10 * scale);
	fill_symlinks(20 * scale);
	fill_attrs(30 * scale);
	fill_extents(400 * scale);
	must(mkfifo("fifo", 0600), "fifo");
}

/* --- listing ------------------------------------------------------------- */

static __u64 sum(__u64 sum, const void *data, size_t len)
{
	const unsigned char *byte = data;

	while (len--)
		sum = (sum ^ *byte++) * FNV_PRIME;
	return sum;
}

static bool is_zero(const unsigned char *data, size_t len)
{
	return !len || (!data[0] && !memcmp(data, data + 1, len - 1));
}

/* A hole reads as what has been allocated and not been written to does */
static __u64 sum_data(const char *path)
{
	__u64 result = FNV_BASIS;
	int fd = open(path, O_RDONLY);
	off_t pos = 0;
	ssize_t len;

	must(fd, path);
	while ((pos = lseek(fd, pos, SEEK_DATA)) >= 0) {
		len = pread(fd, buf, BLOCK, pos);
		must(len, path);
		if (!is_zero(buf, len)) {
			result = sum(result, &pos, sizeof(pos));
			result = sum(result, buf, len);
		}
		pos += len;
	}
	close(fd);
	return result;
}

/* In any order */
static __u64 sum_attrs(const char *path)
{
	static char names[VALUE_MAX];
	ssize_t len = llistxattr(path, names, sizeof(names)), value;
	__u64 result = 0, one;
	const char *name;

	must(len, path);
	for (name = names; name < names + len; name += strlen(name) + 1) {
		value = lgetxattr(path, name, buf, sizeof(buf));
		must(value, name);
		one = sum(FNV_BASIS, name, strlen(name));
		result += sum(one, buf, value);
	}
	return result;
}

static int list_one(const char *path, const struct stat *st, int flag,
		    struct FTW *place)
{
	char target[4096] = "";

	if (S_ISLNK(st->st_mode))
		must(readlink(path, target, sizeof(target) - 1), path);
	printf("%s %lu %o %u:%u links %lu size %ld %ld.%09ld %016llx %016llx %s\n",
	       path, st->st_ino, st->st_mode, st->st_uid, st->st_gid,
	       st->st_nlink, S_ISDIR(st->st_mode) ? 0 : st->st_size,
	       st->st_mtim.tv_sec, st->st_mtim.tv_nsec, sum_attrs(path),
	       S_ISREG(st->st_mode) ? sum_data(path) : 0, target);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: xfs_tree fill|list DIR [SCALE]\n");
		return 1;
	}
	must(chdir(argv[2]), argv[2]);
	if (!strcmp(argv[1], "fill"))
		fill(argc > 3 ? atoi(argv[3]) : 1);
	else
		must(nftw(".", list_one, 16, FTW_PHYS), "nftw");
	return 0;
}
