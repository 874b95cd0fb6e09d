// SPDX-License-Identifier: GPL-2.0
/*
 * xfs_rebuild check|repair|rebuild MOUNT all|TYPE FILE...
 *
 * Have XFS check its metadata, repair what is bad of it, or build it anew whether
 * it is good or not, which xfs_io and xfs_scrub of Debian 12 cannot ask for: of
 * the file system, in each allocation group, and of each file, by its path
 * beneath MOUNT.  A line for each says what came of it, once it has been checked
 * again:
 *
 *	TYPE WHAT: clean|ERRNO|FLAG...
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* What the kernel's own header takes from elsewhere */
#define __user
#define xfs_off_t	__s64
#define prid_t		__u32
#include "xfs_fs.h"

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/* Who there is one of: the file system, each allocation group, each file */
enum scope { FS, AG, FILES };

static const struct type {
	const char *name;
	__u32 number;
	enum scope scope;
} types[] = {
	{ "probe", XFS_SCRUB_TYPE_PROBE, FS },
	{ "sb", XFS_SCRUB_TYPE_SB, AG },
	{ "agf", XFS_SCRUB_TYPE_AGF, AG },
	{ "agfl", XFS_SCRUB_TYPE_AGFL, AG },
	{ "agi", XFS_SCRUB_TYPE_AGI, AG },
	{ "bnobt", XFS_SCRUB_TYPE_BNOBT, AG },
	{ "cntbt", XFS_SCRUB_TYPE_CNTBT, AG },
	{ "inobt", XFS_SCRUB_TYPE_INOBT, AG },
	{ "finobt", XFS_SCRUB_TYPE_FINOBT, AG },
	{ "rmapbt", XFS_SCRUB_TYPE_RMAPBT, AG },
	{ "refcountbt", XFS_SCRUB_TYPE_REFCNTBT, AG },
	{ "inode", XFS_SCRUB_TYPE_INODE, FILES },
	{ "bmapbtd", XFS_SCRUB_TYPE_BMBTD, FILES },
	{ "bmapbta", XFS_SCRUB_TYPE_BMBTA, FILES },
	{ "bmapbtc", XFS_SCRUB_TYPE_BMBTC, FILES },
	{ "directory", XFS_SCRUB_TYPE_DIR, FILES },
	{ "xattr", XFS_SCRUB_TYPE_XATTR, FILES },
	{ "symlink", XFS_SCRUB_TYPE_SYMLINK, FILES },
	{ "parent", XFS_SCRUB_TYPE_PARENT, FILES },
	{ "dirtree", XFS_SCRUB_TYPE_DIRTREE, FILES },
	{ "rtbitmap", XFS_SCRUB_TYPE_RTBITMAP, FS },
	{ "rtsummary", XFS_SCRUB_TYPE_RTSUM, FS },
	{ "rgsuper", XFS_SCRUB_TYPE_RGSUPER, FS },
	{ "rtrmapbt", XFS_SCRUB_TYPE_RTRMAPBT, FS },
	{ "rtrefcountbt", XFS_SCRUB_TYPE_RTREFCBT, FS },
	{ "usrquota", XFS_SCRUB_TYPE_UQUOTA, FS },
	{ "grpquota", XFS_SCRUB_TYPE_GQUOTA, FS },
	{ "prjquota", XFS_SCRUB_TYPE_PQUOTA, FS },
	{ "quotacheck", XFS_SCRUB_TYPE_QUOTACHECK, FS },
	{ "nlinks", XFS_SCRUB_TYPE_NLINKS, FS },
	{ "fscounters", XFS_SCRUB_TYPE_FSCOUNTERS, FS },
	{ "metapath", XFS_SCRUB_TYPE_METAPATH, FS },
};

static const struct {
	__u32 flag;
	const char *name;
} flags[] = {
	{ XFS_SCRUB_OFLAG_CORRUPT, "corrupt" },
	{ XFS_SCRUB_OFLAG_PREEN, "preen" },
	{ XFS_SCRUB_OFLAG_XFAIL, "xfail" },
	{ XFS_SCRUB_OFLAG_XCORRUPT, "xcorrupt" },
	{ XFS_SCRUB_OFLAG_INCOMPLETE, "incomplete" },
	{ XFS_SCRUB_OFLAG_WARNING, "warning" },
	{ XFS_SCRUB_OFLAG_NO_REPAIR_NEEDED, "no-repair-needed" },
};

static void fail(const char *what)
{
	fprintf(stderr, "xfs_rebuild: %s: %s\n", what, strerror(errno));
	exit(1);
}

static __u32 count_groups(int mount)
{
	struct xfs_fsop_geom geometry = {};

	if (ioctl(mount, XFS_IOC_FSGEOMETRY, &geometry))
		fail("geometry");
	return geometry.agcount;
}

/* By its number, for a symlink cannot be opened */
static void name_inode(int mount, const char *path,
		       struct xfs_scrub_metadata *meta)
{
	struct xfs_bulkstat_req *req;
	struct stat st;

	if (lstat(path, &st))
		fail(path);
	req = calloc(1, XFS_BULKSTAT_REQ_SIZE(1));
	if (!req)
		fail("memory");
	req->hdr.ino = st.st_ino;
	req->hdr.icount = 1;
	if (ioctl(mount, XFS_IOC_BULKSTAT, req) || req->hdr.ocount != 1 ||
	    req->bulkstat[0].bs_ino != st.st_ino)
		fail(path);
	meta->sm_ino = st.st_ino;
	meta->sm_gen = req->bulkstat[0].bs_gen;
	free(req);
}

static void scrub(int mount, struct xfs_scrub_metadata *meta,
		  const char *type, const char *what)
{
	size_t i;

	if (ioctl(mount, XFS_IOC_SCRUB_METADATA, meta)) {
		printf("%s %s: %s\n", type, what, strerrorname_np(errno));
		return;
	}
	printf("%s %s:", type, what);
	for (i = 0; i < ARRAY_SIZE(flags); i++)
		if (meta->sm_flags & flags[i].flag)
			printf(" %s", flags[i].name);
	puts(meta->sm_flags & XFS_SCRUB_FLAGS_OUT ? "" : " clean");
}

static void scrub_each(int mount, const struct type *type, __u32 how,
		       char **files)
{
	struct xfs_scrub_metadata meta;
	__u32 group, groups;
	char number[16];

	if (type->scope == FS) {
		meta = (struct xfs_scrub_metadata) {
			.sm_type = type->number, .sm_flags = how,
		};
		scrub(mount, &meta, type->name, "-");
		return;
	}
	groups = type->scope == AG ? count_groups(mount) : 0;
	for (group = 0; group < groups; group++) {
		meta = (struct xfs_scrub_metadata) {
			.sm_type = type->number, .sm_flags = how,
			.sm_agno = group,
		};
		snprintf(number, sizeof(number), "%u", group);
		scrub(mount, &meta, type->name, number);
	}
	for (; type->scope == FILES && *files; files++) {
		meta = (struct xfs_scrub_metadata) {
			.sm_type = type->number, .sm_flags = how,
		};
		name_inode(mount, *files, &meta);
		scrub(mount, &meta, type->name, *files);
	}
}

static __u32 how_to(const char *verb)
{
	if (!strcmp(verb, "rebuild"))
		return XFS_SCRUB_IFLAG_REPAIR | XFS_SCRUB_IFLAG_FORCE_REBUILD;
	return strcmp(verb, "repair") ? 0 : XFS_SCRUB_IFLAG_REPAIR;
}

int main(int argc, char **argv)
{
	int mount;
	size_t i;

	if (argc < 4) {
		fprintf(stderr, "usage: xfs_rebuild check|repair|rebuild MOUNT all|TYPE FILE...\n");
		return 1;
	}
	mount = open(argv[2], O_RDONLY | O_DIRECTORY);
	if (mount < 0 || fchdir(mount))
		fail(argv[2]);
	for (i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(argv[3], "all") || !strcmp(argv[3], types[i].name))
			scrub_each(mount, &types[i], how_to(argv[1]), argv + 4);
	return 0;
}
