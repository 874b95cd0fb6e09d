// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of anonymous objects: views, their hooks and their rights.
 */
#include <linux/anon_inodes.h>
#include <linux/cred.h>
#include <linux/fadvise.h>
#include <linux/falloc.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/resource.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/splice.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>

#include "test.h"

KUNIT_ARRAY_PARAM_DESC(anon_test_backend, anon_test_backends, desc);

/*
 * What the hooks of a test have seen.  It is no test's own, for the mappings of
 * a test that has failed go after it.
 */
static struct anon_test_hooks {
	atomic_t opens;
	atomic_t closes;
	atomic_t faults;
	atomic_t mmaps;
	atomic_t vmaps;
	atomic_t vunmaps;
	atomic_t releases;
	int open_err;
	vm_fault_t fault_ret;
	int vmap_err;
	struct iosys_map map;
	unsigned long pgoff;
	struct address_space *mapping;
} anon_test_hooks;

static int anon_test_view_init(struct kunit *test)
{
	anon_test_init(test);
	memset(&anon_test_hooks, 0, sizeof(anon_test_hooks));
	return 0;
}

static int anon_test_open(struct vm_area_struct *vma, void *private)
{
	struct anon_test_hooks *hooks = private;

	atomic_inc(&hooks->opens);
	return hooks->open_err;
}

static void anon_test_close(struct vm_area_struct *vma, void *private)
{
	struct anon_test_hooks *hooks = private;

	atomic_inc(&hooks->closes);
}

static vm_fault_t anon_test_fault(struct vm_fault *vmf, void *private)
{
	struct anon_test_hooks *hooks = private;

	atomic_inc(&hooks->faults);
	return hooks->fault_ret;
}

static int anon_test_device_mmap(struct vm_area_struct *vma, void *private)
{
	struct anon_test_hooks *hooks = private;

	atomic_inc(&hooks->mmaps);
	hooks->pgoff = vma->vm_pgoff;
	hooks->mapping = vma->vm_file->f_mapping;
	return 0;
}

static int anon_test_vmap(void *private, struct iosys_map *map)
{
	struct anon_test_hooks *hooks = private;

	atomic_inc(&hooks->vmaps);
	*map = hooks->map;
	return hooks->vmap_err;
}

static void anon_test_vunmap(void *private, struct iosys_map *map)
{
	struct anon_test_hooks *hooks = private;

	if (iosys_map_is_equal(map, &hooks->map))
		atomic_inc(&hooks->vunmaps);
}

static void anon_test_view_release(void *private)
{
	struct anon_test_hooks *hooks = private;

	atomic_inc(&hooks->releases);
}

static const struct anon_view_ops anon_test_vma_ops = {
	.open = anon_test_open,
	.close = anon_test_close,
	.release = anon_test_view_release,
};

static const struct anon_view_ops anon_test_fault_ops = {
	.fault = anon_test_fault,
};

static const struct anon_view_ops anon_test_device_ops = {
	.mmap = anon_test_device_mmap,
	.release = anon_test_view_release,
};

static const struct anon_view_ops anon_test_vmap_ops = {
	.mmap = anon_test_device_mmap,
	.vmap = anon_test_vmap,
	.vunmap = anon_test_vunmap,
};

/* A view that must be had */
static struct file *anon_test_view(struct kunit *test, struct anon_object *obj,
				   const struct anon_view_ops *ops, int flags)
{
	const struct anon_view_attrs attrs = {
		.flags = flags,
		.ops = ops,
		.private = &anon_test_hooks,
	};
	struct file *view = anon_object_view(obj, &attrs);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, view);
	anon_test_defer_fput(test, view);
	return view;
}

/* A view is a file of the object's inode, with the rights it is given. */
static void anon_object_test_view(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct file *rdonly = anon_test_view(test, obj, NULL, O_RDONLY);
	struct file *wronly = anon_test_view(test, obj, NULL, O_WRONLY);
	struct file *rdwr = anon_test_view(test, obj, NULL, O_RDWR);
	fmode_t mode = FMODE_READ | FMODE_WRITE;

	KUNIT_EXPECT_PTR_EQ(test, file_inode(rdwr), anon_test_inode(obj));
	KUNIT_EXPECT_PTR_EQ(test, rdwr->f_mapping, file_inode(rdwr)->i_mapping);
	KUNIT_EXPECT_TRUE(test, (rdonly->f_mode & mode) == FMODE_READ);
	KUNIT_EXPECT_TRUE(test, (wronly->f_mode & mode) == FMODE_WRITE);
	KUNIT_EXPECT_TRUE(test, (rdwr->f_mode & mode) == mode);
	/* Threads that share a position take turns to move it */
	KUNIT_EXPECT_TRUE(test, rdwr->f_mode & FMODE_ATOMIC_POS);
}

/* A view keeps its object, and tells its owner when it goes. */
static void anon_object_test_view_outlives(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct file *view = anon_test_view(test, obj, &anon_test_vma_ops,
					   O_RDWR);
	u8 *want = anon_test_buffer(test, SZ_64K);
	u8 *got = anon_test_buffer(test, SZ_64K);
	loff_t pos = 0;

	anon_test_fill(test, obj);
	anon_test_put(test, obj);
	anon_test_pattern(want, 0, SZ_64K);
	KUNIT_EXPECT_EQ(test, kernel_read(view, got, SZ_64K, &pos), SZ_64K);
	KUNIT_EXPECT_EQ(test, memcmp(got, want, SZ_64K), 0);

	KUNIT_EXPECT_EQ(test, atomic_read(&anon_test_hooks.releases), 0);
	anon_test_fput(test, view);
	KUNIT_EXPECT_EQ(test, atomic_read(&anon_test_hooks.releases), 1);
}

static const struct anon_view_ops anon_test_open_only = {
	.open = anon_test_open,
};

static const struct anon_view_ops anon_test_close_only = {
	.close = anon_test_close,
};

static const struct anon_view_ops anon_test_vmap_only = {
	.mmap = anon_test_device_mmap,
	.vmap = anon_test_vmap,
};

static const struct anon_view_ops anon_test_vunmap_only = {
	.mmap = anon_test_device_mmap,
	.vunmap = anon_test_vunmap,
};

static const struct anon_view_ops anon_test_vmap_backing = {
	.vmap = anon_test_vmap,
	.vunmap = anon_test_vunmap,
};

static const struct anon_view_ops anon_test_no_ops;

static const struct anon_test_bad_view {
	const char *desc;
	struct anon_view_attrs attrs;
	bool device;
} anon_test_bad_views[] = {
	{ "flags-unknown", { .flags = O_RDWR | O_CLOEXEC } },
	{ "flags-append", { .flags = O_RDWR | O_APPEND } },
	{ "access-mode-3", { .flags = O_ACCMODE } },
	{ "open-without-close", { O_RDWR, &anon_test_open_only } },
	{ "close-without-open", { O_RDWR, &anon_test_close_only } },
	{ "mmap-on-backing", { O_RDWR, &anon_test_device_ops } },
	{ "pgoff-on-backing", { .flags = O_RDWR, .pgoff = 1 } },
	{ "device-without-ops", { .flags = O_RDWR }, true },
	{ "device-without-mmap", { O_RDWR, &anon_test_no_ops }, true },
	{ "device-with-vma-hooks", { O_RDWR, &anon_test_vma_ops }, true },
	{ "vmap-on-backing", { O_RDWR, &anon_test_vmap_backing } },
	{ "vmap-without-vunmap", { O_RDWR, &anon_test_vmap_only }, true },
	{ "vunmap-without-vmap", { O_RDWR, &anon_test_vunmap_only }, true },
};

KUNIT_ARRAY_PARAM_DESC(anon_test_bad_view, anon_test_bad_views, desc);

/* Bad attributes are -EINVAL, and there never was a view to release. */
static void anon_object_test_view_rejects(struct kunit *test)
{
	const struct anon_test_bad_view *bad = test->param_value;
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = SZ_64K,
	};
	struct anon_object *obj = anon_test_create(test, &attrs);
	struct anon_view_attrs view_attrs = bad->attrs;
	struct address_space mapping = {};
	struct file *view;

	view_attrs.private = &anon_test_hooks;
	if (bad->device)
		view_attrs.mapping = &mapping;
	view = anon_object_view(obj, &view_attrs);
	KUNIT_EXPECT_PTR_EQ(test, view, ERR_PTR(-EINVAL));
	if (!IS_ERR(view))
		fput(view);
	anon_test_drain();
	KUNIT_EXPECT_EQ(test, atomic_read(&anon_test_hooks.releases), 0);
}

/* A view's private data is for those who made it, by their hooks. */
static void anon_object_test_view_private(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct file *file = anon_test_file(test, obj);
	struct file *plain = anon_test_view(test, obj, NULL, O_RDWR);
	struct file *view = anon_test_view(test, obj, &anon_test_vma_ops,
					   O_RDWR);

	KUNIT_EXPECT_PTR_EQ(test, anon_view_private(view, &anon_test_vma_ops),
			    &anon_test_hooks);
	KUNIT_EXPECT_NULL(test, anon_view_private(view, &anon_test_fault_ops));
	KUNIT_EXPECT_NULL(test, anon_view_private(view, NULL));
	KUNIT_EXPECT_NULL(test, anon_view_private(file, &anon_test_vma_ops));
	KUNIT_EXPECT_NULL(test, anon_view_private(NULL, &anon_test_vma_ops));
	KUNIT_EXPECT_NULL(test, anon_view_private(plain, NULL));
	KUNIT_EXPECT_PTR_EQ(test, anon_view_object(view), obj);
}

/* What user space has mapped is what the object holds, and the reverse. */
static void anon_object_test_view_mmap(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_1M);
	size_t size = anon_object_size(obj);
	struct file *view = anon_test_view(test, obj, NULL, O_RDWR);
	u8 *want = anon_test_buffer(test, SZ_64K);
	u8 *got = anon_test_buffer(test, SZ_64K);
	void __user *user;
	unsigned long addr;

	anon_test_pattern(want, SZ_64K, SZ_64K);
	KUNIT_ASSERT_EQ(test, anon_object_write(obj, SZ_64K, want, SZ_64K), 0);
	addr = anon_test_mmap(test, view, size, PROT_READ | PROT_WRITE);
	user = (void __user *)addr;
	KUNIT_EXPECT_EQ(test, copy_from_user(got, user + SZ_64K, SZ_64K), 0);
	KUNIT_EXPECT_EQ(test, memcmp(got, want, SZ_64K), 0);

	anon_test_pattern(want, SZ_512K, SZ_64K);
	KUNIT_EXPECT_EQ(test, copy_to_user(user + SZ_512K, want, SZ_64K), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, SZ_512K, SZ_64K));

	/* A mapping notices that its memory has gone */
	KUNIT_EXPECT_EQ(test, anon_object_truncate_range(obj, 0, size), 0);
	KUNIT_EXPECT_EQ(test, copy_from_user(got, user + SZ_64K, SZ_64K), 0);
	KUNIT_EXPECT_NULL(test, memchr_inv(got, 0, SZ_64K));
	vm_munmap(addr, size);
}

static unsigned long anon_test_unit(struct anon_object *obj)
{
	struct anon_object_stat stat;

	anon_object_get_stat(obj, &stat);
	return stat.page_size;
}

/* Each mapping that comes and goes is told, those of a split too. */
static void anon_object_test_view_hooks(struct kunit *test)
{
	struct anon_test_hooks *hooks = &anon_test_hooks;
	struct anon_object *obj = anon_test_object(test, 3 * PAGE_SIZE);
	struct file *view = anon_test_view(test, obj, &anon_test_vma_ops,
					   O_RDWR);
	size_t size = anon_object_size(obj);
	unsigned long addr, unit = anon_test_unit(obj);
	int split = !anon_test_is_hugetlb(test);

	addr = anon_test_mmap(test, view, size, PROT_READ | PROT_WRITE);
	KUNIT_EXPECT_EQ(test, atomic_read(&hooks->opens), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&hooks->closes), 0);
	KUNIT_EXPECT_EQ(test, put_user(1, (u8 __user *)addr), 0);

	/* Of three pages the one in the middle: two mappings are left */
	if (split) {
		KUNIT_EXPECT_EQ(test, vm_munmap(addr + unit, unit), 0);
		KUNIT_EXPECT_EQ(test, atomic_read(&hooks->opens) -
				atomic_read(&hooks->closes), 2);
	}
	KUNIT_EXPECT_EQ(test, vm_munmap(addr, size), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&hooks->opens),
			atomic_read(&hooks->closes));
	KUNIT_EXPECT_GE(test, atomic_read(&hooks->closes), 1 + split);

	/* The view itself is another matter */
	anon_test_drain();
	KUNIT_EXPECT_EQ(test, atomic_read(&hooks->releases), 0);
	anon_test_fput(test, view);
	KUNIT_EXPECT_EQ(test, atomic_read(&hooks->releases), 1);
}

/* What a mapping of a view has for vm_ops */
static const struct vm_operations_struct *
anon_test_vm_ops(struct kunit *test, struct anon_object *obj,
		 const struct anon_view_ops *ops)
{
	struct file *view = anon_test_view(test, obj, ops, O_RDWR);
	size_t size = anon_object_size(obj);
	unsigned long addr = anon_test_mmap(test, view, size, PROT_READ);
	const struct vm_operations_struct *vm_ops = NULL;
	struct vm_area_struct *vma;

	mmap_read_lock(current->mm);
	vma = vma_lookup(current->mm, addr);
	if (vma)
		vm_ops = vma->vm_ops;
	mmap_read_unlock(current->mm);
	vm_munmap(addr, size);
	KUNIT_ASSERT_NOT_NULL(test, vm_ops);
	return vm_ops;
}

/* Hooked slots apart, vm_ops are the backend's; and no view has its own. */
static void anon_object_test_view_vm_ops(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct anon_object *other = anon_test_object(test, SZ_64K);
	const struct vm_operations_struct *base, *hooked;
	struct vm_operations_struct want;

	base = anon_test_vm_ops(test, obj, NULL);
	KUNIT_EXPECT_PTR_EQ(test, base,
			    anon_test_vm_ops(test, other, NULL));
	KUNIT_EXPECT_PTR_EQ(test, base,
			    anon_test_vm_ops(test, obj, &anon_test_no_ops));

	hooked = anon_test_vm_ops(test, obj, &anon_test_vma_ops);
	KUNIT_EXPECT_PTR_EQ(test, hooked,
			    anon_test_vm_ops(test, obj, &anon_test_vma_ops));
	KUNIT_EXPECT_PTR_EQ(test, hooked,
			    anon_test_vm_ops(test, other, &anon_test_vma_ops));
	KUNIT_EXPECT_PTR_NE(test, hooked->open, base->open);
	KUNIT_EXPECT_PTR_NE(test, hooked->close, base->close);
	want = *base;
	want.open = hooked->open;
	want.close = hooked->close;
	/* Writes map what is around them, where there are small pages */
	if (!anon_test_is_hugetlb(test)) {
		KUNIT_EXPECT_PTR_NE(test, hooked->fault, base->fault);
		want.fault = hooked->fault;
	}
	KUNIT_EXPECT_MEMEQ(test, hooked, &want, sizeof(want));
	if (anon_test_is_hugetlb(test))
		return;

	/* A fault hook is not to be passed by */
	KUNIT_EXPECT_NOT_NULL(test, base->map_pages);
	hooked = anon_test_vm_ops(test, obj, &anon_test_fault_ops);
	KUNIT_EXPECT_PTR_NE(test, hooked->fault, base->fault);
	want = *base;
	want.fault = hooked->fault;
	want.map_pages = NULL;
#ifdef CONFIG_USERFAULTFD
	want.uffd_ops = NULL;
#endif
	KUNIT_EXPECT_MEMEQ(test, hooked, &want, sizeof(want));
}

static long anon_test_try_mmap(struct kunit *test, struct file *file,
			       size_t len, unsigned long prot,
			       unsigned long offset)
{
	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
	return vm_mmap(file, 0, len, prot, MAP_SHARED, offset);
}

/* An open hook's error is mmap()'s, and there is nothing to close. */
static void anon_object_test_view_open_fails(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct file *view = anon_test_view(test, obj, &anon_test_vma_ops,
					   O_RDWR);

	anon_test_hooks.open_err = -EIDRM;
	KUNIT_EXPECT_EQ(test, anon_test_try_mmap(test, view,
						 anon_object_size(obj),
						 PROT_READ, 0), -EIDRM);
	KUNIT_EXPECT_EQ(test, atomic_read(&anon_test_hooks.opens), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&anon_test_hooks.closes), 0);
}

/* If it is the backend that refuses to map, the open hook's work is undone. */
static void anon_object_test_view_base_fails(struct kunit *test)
{
	struct anon_object_attrs attrs = {
		.name = "kunit",
		.backend = ANON_OBJECT_HUGETLB,
		.flags = ANON_OBJECT_NORESERVE,
	};
	struct anon_object *obj;
	struct file *view;
	loff_t size;

	/* hugetlbfs wants its offsets aligned */
	size = PAGE_SIZE << huge_page_order(anon_test_hstate(test));
	attrs.size = 2 * size;
	obj = anon_test_create(test, &attrs);
	view = anon_test_view(test, obj, &anon_test_vma_ops, O_RDWR);
	KUNIT_EXPECT_EQ(test, anon_test_try_mmap(test, view, size, PROT_READ,
						 PAGE_SIZE), -EINVAL);
	KUNIT_EXPECT_EQ(test, atomic_read(&anon_test_hooks.opens), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&anon_test_hooks.closes), 1);
}

/* A mapping does not reach beyond the object, wherever it begins. */
static void anon_object_test_view_mmap_beyond(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct file *view = anon_test_view(test, obj, &anon_test_vma_ops,
					   O_RDWR);
	size_t size = anon_object_size(obj);
	unsigned long unit = anon_test_unit(obj);

	KUNIT_EXPECT_EQ(test, anon_test_try_mmap(test, view, size + unit,
						 PROT_READ, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_test_try_mmap(test, view, size, PROT_READ,
						 unit), -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_test_try_mmap(test, view, unit, PROT_READ,
						 size), -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_test_try_mmap(test, view, unit, PROT_READ,
						 SZ_1G), -EINVAL);
	KUNIT_EXPECT_EQ(test, atomic_read(&anon_test_hooks.opens),
			atomic_read(&anon_test_hooks.closes));
}

/* A view that cannot write cannot be mapped for that either. */
static void anon_object_test_view_mmap_rdonly(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct file *view = anon_test_view(test, obj, NULL, O_RDONLY);
	size_t size = anon_object_size(obj);
	unsigned long addr;

	KUNIT_EXPECT_EQ(test, anon_test_try_mmap(test, view, size,
						 PROT_READ | PROT_WRITE, 0),
			-EACCES);
	addr = anon_test_mmap(test, view, size, PROT_READ);
	KUNIT_EXPECT_NE(test, put_user(1, (u8 __user *)addr), 0);
	vm_munmap(addr, size);
}

/* A fault hook decides whether the backend's is called. */
static void anon_object_test_view_fault(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct file *view;
	unsigned long addr;
	u8 got = 0;

	if (anon_test_is_hugetlb(test))
		kunit_skip(test, "a fault hook is not for hugetlb");
	view = anon_test_view(test, obj, &anon_test_fault_ops, O_RDWR);
	addr = anon_test_mmap(test, view, SZ_64K, PROT_READ | PROT_WRITE);
	anon_test_hooks.fault_ret = VM_FAULT_SIGBUS;
	KUNIT_EXPECT_EQ(test, put_user(1, (u8 __user *)addr), -EFAULT);
	KUNIT_EXPECT_EQ(test, atomic_read(&anon_test_hooks.faults), 1);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);

	anon_test_hooks.fault_ret = 0;
	KUNIT_EXPECT_EQ(test, put_user(0x5a, (u8 __user *)addr), 0);
	KUNIT_EXPECT_GE(test, atomic_read(&anon_test_hooks.faults), 2);
	KUNIT_EXPECT_EQ(test, anon_object_read(obj, 0, &got, 1), 0);
	KUNIT_EXPECT_EQ(test, got, 0x5a);
	vm_munmap(addr, SZ_64K);
}

/* Where faults do not come through vm_ops, a hook for them is refused. */
static void anon_object_test_view_fault_hugetlb(struct kunit *test)
{
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = 1,
		.backend = ANON_OBJECT_HUGETLB,
		.flags = ANON_OBJECT_NORESERVE,
	};
	const struct anon_view_attrs view_attrs = {
		.flags = O_RDWR,
		.ops = &anon_test_fault_ops,
	};
	struct anon_object *obj;

	anon_test_hstate(test);
	obj = anon_test_create(test, &attrs);
	KUNIT_EXPECT_PTR_EQ(test, anon_object_view(obj, &view_attrs),
			    ERR_PTR(-EOPNOTSUPP));
}

/* Read a byte of each page; returns how many were as written. */
static unsigned long anon_test_read_mapped(struct kunit *test,
					   unsigned long addr, size_t size)
{
	unsigned long i, good = 0;
	u8 got, want;

	for (i = 0; i < size; i += PAGE_SIZE) {
		anon_test_pattern(&want, i, 1);
		if (!get_user(got, (u8 __user *)(addr + i)) && got == want)
			good++;
	}
	return good;
}

/* What is resident is not mapped past a fault hook: that sees each access. */
static void anon_object_test_view_fault_resident(struct kunit *test)
{
	const struct anon_test_backend *param = test->param_value;
	const unsigned long nr = 16, size = nr * PAGE_SIZE;
	struct anon_object *obj = anon_test_object(test, size);
	unsigned long addr;
	struct file *view;

	if (anon_test_is_hugetlb(test))
		kunit_skip(test, "a fault hook is not for hugetlb");
	view = anon_test_view(test, obj, &anon_test_fault_ops, O_RDWR);
	anon_test_fill(test, obj);
	addr = anon_test_mmap(test, view, size, PROT_READ);
	anon_test_hooks.fault_ret = VM_FAULT_SIGBUS;
	KUNIT_EXPECT_EQ(test, anon_test_read_mapped(test, addr, size), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&anon_test_hooks.faults), nr);

	/* A large folio is mapped by one fault */
	anon_test_hooks.fault_ret = 0;
	KUNIT_EXPECT_EQ(test, anon_test_read_mapped(test, addr, size), nr);
	KUNIT_EXPECT_GT(test, atomic_read(&anon_test_hooks.faults), nr);
	if (param->huge == ANON_OBJECT_HUGE_NEVER)
		KUNIT_EXPECT_EQ(test, atomic_read(&anon_test_hooks.faults),
				2 * nr);
	vm_munmap(addr, size);
}

static void anon_test_io(struct kunit *test, struct anon_object *obj,
			 struct file *view)
{
	loff_t size = anon_object_size(obj), pos = size - 10;
	u8 *buf = anon_test_buffer(test, 100);

	anon_test_pattern(buf, pos, 100);
	KUNIT_EXPECT_EQ(test, kernel_write(view, buf, 100, &pos), 10);
	KUNIT_EXPECT_EQ(test, pos, size);
	KUNIT_EXPECT_EQ(test, kernel_write(view, buf, 100, &pos), -ENOSPC);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, size - 10, 10));

	pos = size - 10;
	memset(buf, 0, 100);
	KUNIT_EXPECT_EQ(test, kernel_read(view, buf, 100, &pos), 10);
	KUNIT_EXPECT_EQ(test, pos, size);
	KUNIT_EXPECT_EQ(test, kernel_read(view, buf, 100, &pos), 0);
	KUNIT_EXPECT_NULL(test, memchr_inv(buf + 10, 0, 90));
	pos = size - 10;
	anon_test_pattern(buf + 10, pos, 10);
	KUNIT_EXPECT_EQ(test, memcmp(buf, buf + 10, 10), 0);

	KUNIT_EXPECT_EQ(test, vfs_llseek(view, 5, SEEK_SET), 5);
	KUNIT_EXPECT_EQ(test, vfs_llseek(view, 5, SEEK_CUR), 10);
	KUNIT_EXPECT_EQ(test, vfs_llseek(view, 0, SEEK_END), size);
	KUNIT_EXPECT_EQ(test, anon_object_size(obj), size);
	KUNIT_EXPECT_EQ(test, vfs_fsync(view, 0), 0);
}

/* Reading, writing and seeking end where the object does. */
static void anon_object_test_view_io(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);

	anon_test_io(test, obj, anon_test_view(test, obj, NULL, O_RDWR));
}

/* A view does what it was opened for only. */
static void anon_object_test_view_access(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct file *rdonly = anon_test_view(test, obj, NULL, O_RDONLY);
	struct file *wronly = anon_test_view(test, obj, NULL, O_WRONLY);
	struct iov_iter iter;
	loff_t pos = 0;
	u8 buf = 1;

	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
	iov_iter_ubuf(&iter, ITER_SOURCE, NULL, 1);
	KUNIT_EXPECT_EQ(test, vfs_iter_write(rdonly, &iter, &pos, 0), -EBADF);
	iov_iter_ubuf(&iter, ITER_DEST, NULL, 1);
	KUNIT_EXPECT_EQ(test, vfs_iter_read(wronly, &iter, &pos, 0), -EBADF);
	KUNIT_EXPECT_EQ(test, kernel_write(wronly, &buf, 1, &pos), 1);
	pos = 0;
	buf = 0;
	KUNIT_EXPECT_EQ(test, kernel_read(rdonly, &buf, 1, &pos), 1);
	KUNIT_EXPECT_EQ(test, buf, 1);
}

/* DONTNEED costs all who use the memory, so it needs a writer. */
static void anon_object_test_view_fadvise(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct file *rdonly = anon_test_view(test, obj, NULL, O_RDONLY);
	struct file *rdwr = anon_test_view(test, obj, NULL, O_RDWR);
	static const int advices[] = {
		POSIX_FADV_NORMAL, POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED,
	};
	loff_t size = anon_object_size(obj);
	int i;

	anon_test_fill(test, obj);
	KUNIT_EXPECT_EQ(test, vfs_fadvise(rdonly, 0, 0, POSIX_FADV_DONTNEED),
			-EPERM);
	KUNIT_EXPECT_EQ(test, anon_test_swapped(obj), 0);
	KUNIT_EXPECT_EQ(test, vfs_fadvise(rdonly, 0, 0, POSIX_FADV_WILLNEED),
			0);
	KUNIT_EXPECT_EQ(test, vfs_fadvise(rdwr, 0, 0, POSIX_FADV_NOREUSE + 1),
			-EINVAL);
	for (i = 0; i < ARRAY_SIZE(advices); i++) {
		KUNIT_EXPECT_EQ(test, vfs_fadvise(rdwr, -1, 0, advices[i]),
				-EINVAL);
		KUNIT_EXPECT_EQ(test, vfs_fadvise(rdwr, 0, -1, advices[i]),
				-EINVAL);
		KUNIT_EXPECT_EQ(test, vfs_fadvise(rdwr, size, 1, advices[i]),
				0);
		KUNIT_EXPECT_EQ(test, vfs_fadvise(rdwr, LLONG_MAX, LLONG_MAX,
						  advices[i]), 0);
		KUNIT_EXPECT_EQ(test, anon_test_swapped(obj), 0);
	}
	KUNIT_EXPECT_EQ(test, vfs_fadvise(rdwr, 0, 0, POSIX_FADV_DONTNEED), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, SZ_64K));
}

#define ANON_TEST_PUNCH	(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

static void anon_test_fallocate(struct kunit *test, struct anon_object *obj,
				struct file *view)
{
	loff_t size = anon_object_size(obj);
	struct page *page;

	KUNIT_EXPECT_EQ(test, vfs_fallocate(view, 0, 0, size), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), size);
	anon_test_fill(test, obj);

	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, PAGE_SIZE, &page),
			0);
	KUNIT_EXPECT_EQ(test, vfs_fallocate(view, ANON_TEST_PUNCH, 0, size),
			-EBUSY);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, size));
	anon_object_unpin_pages(obj, &page, 1, 0);

	KUNIT_EXPECT_EQ(test, vfs_fallocate(view, ANON_TEST_PUNCH, 0, size), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
	KUNIT_EXPECT_EQ(test, vfs_fallocate(view, 0, size, size), -EPERM);
	KUNIT_EXPECT_EQ(test, anon_object_size(obj), size);
}

/* fallocate() does not take away what is pinned, nor beyond the object. */
static void anon_object_test_view_fallocate(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);

	anon_test_fallocate(test, obj, anon_test_view(test, obj, NULL, O_RDWR));
}

static const struct file_operations anon_test_device_fops = {
	.owner = THIS_MODULE,
};

/* Something that has a mapping of its own, as a driver has */
static struct file *anon_test_device(struct kunit *test)
{
	struct file *device;

	device = anon_inode_create_getfile("kunit", &anon_test_device_fops,
					   NULL, O_RDWR, NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, device);
	anon_test_defer_fput(test, device);
	return device;
}

static struct file *anon_test_device_view(struct kunit *test,
					  struct anon_object *obj,
					  const struct anon_view_ops *ops,
					  struct file *device,
					  unsigned long pgoff)
{
	const struct anon_view_attrs attrs = {
		.flags = O_RDWR,
		.ops = ops,
		.private = &anon_test_hooks,
		.mapping = device->f_mapping,
		.pgoff = pgoff,
	};
	struct file *view = anon_object_view(obj, &attrs);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, view);
	anon_test_defer_fput(test, view);
	return view;
}

/* A device view's mapping is the driver's, at the offset that it has there. */
static void anon_object_test_view_device(struct kunit *test)
{
	struct anon_test_hooks *hooks = &anon_test_hooks;
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct file *device = anon_test_device(test);
	struct file *view = anon_test_device_view(test, obj,
						  &anon_test_device_ops,
						  device, 4711);
	size_t size = anon_object_size(obj);
	long addr;

	KUNIT_EXPECT_PTR_EQ(test, view->f_mapping, device->f_mapping);
	KUNIT_EXPECT_PTR_EQ(test, file_inode(view), anon_test_inode(obj));
	KUNIT_EXPECT_PTR_EQ(test, anon_object_from_file(view), obj);
	anon_object_put(obj);

	addr = anon_test_try_mmap(test, view, size, PROT_READ, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	KUNIT_EXPECT_EQ(test, atomic_read(&hooks->mmaps), 1);
	KUNIT_EXPECT_EQ(test, hooks->pgoff, 4711);
	KUNIT_EXPECT_PTR_EQ(test, hooks->mapping, device->f_mapping);
	KUNIT_EXPECT_TRUE(test, mapping_mapped(device->f_mapping));
	KUNIT_EXPECT_FALSE(test, mapping_mapped(file_inode(view)->i_mapping));
	vm_munmap(addr, size);

	addr = anon_test_try_mmap(test, view, PAGE_SIZE, PROT_READ,
				  size - PAGE_SIZE);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	KUNIT_EXPECT_EQ(test, hooks->pgoff, 4710 + (size >> PAGE_SHIFT));
	vm_munmap(addr, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, anon_test_try_mmap(test, view, size, PROT_READ,
						 PAGE_SIZE), -EINVAL);
	KUNIT_EXPECT_EQ(test, atomic_read(&hooks->mmaps), 2);
}

/* Without vmap, it reads and writes the object, as a backing view does. */
static void anon_object_test_view_device_io(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct file *device = anon_test_device(test);
	struct file *view = anon_test_device_view(test, obj,
						  &anon_test_device_ops,
						  device, 4711);

	anon_test_io(test, obj, view);
	KUNIT_EXPECT_EQ(test, device->f_mapping->nrpages, 0);
}

static void anon_object_test_view_device_fallocate(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct file *device = anon_test_device(test);

	anon_test_fallocate(test, obj,
			    anon_test_device_view(test, obj,
						  &anon_test_device_ops,
						  device, 0));
}

/* What is spliced from one view to another has arrived there. */
static void anon_object_test_view_splice(struct kunit *test)
{
	struct anon_object *from = anon_test_object(test, SZ_64K);
	struct anon_object *to = anon_test_object(test, SZ_64K);
	struct file *device = anon_test_device(test);
	struct file *view = anon_test_view(test, from, NULL, O_RDWR);
	struct file *device_view;
	loff_t in = 1000, out = 1000;

	device_view = anon_test_device_view(test, to, &anon_test_device_ops,
					    device, 0);
	anon_test_fill(test, from);
	KUNIT_EXPECT_EQ(test, do_splice_direct(view, &in, device_view, &out,
					       SZ_16K, 0), SZ_16K);
	KUNIT_EXPECT_EQ(test, out, 1000 + SZ_16K);
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, to, 0, 1000));
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, to, 1000, SZ_16K));
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, to, out, SZ_16K));

	anon_object_punch(from, 0, anon_object_size(from));
	in = 1000;
	out = 1000;
	KUNIT_EXPECT_EQ(test, do_splice_direct(device_view, &in, view, &out,
					       SZ_16K, 0), SZ_16K);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, from, 1000, SZ_16K));
}

static void anon_test_vfree(void *arg)
{
	vfree(arg);
}

static u8 *anon_test_big_buffer(struct kunit *test, size_t len)
{
	u8 *buf = vzalloc(len);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, anon_test_vfree,
							buf), 0);
	return buf;
}

/*
 * A driver's map of an object, which holds what the object does not, so that
 * one can tell where a read was from.
 */
static u8 *anon_test_map(struct kunit *test, struct anon_object *obj,
			 bool iomem)
{
	struct iosys_map *map = &anon_test_hooks.map;
	size_t size = anon_object_size(obj);
	u8 *mapped = anon_test_big_buffer(test, size);

	anon_test_pattern(mapped, 0, size);
	if (iomem)
		iosys_map_set_vaddr_iomem(map, (void __iomem *)mapped);
	else
		iosys_map_set_vaddr(map, mapped);
	return mapped;
}

static struct file *anon_test_vmap_view(struct kunit *test,
					struct anon_object *obj)
{
	return anon_test_device_view(test, obj, &anon_test_vmap_ops,
				     anon_test_device(test), 0);
}

static void anon_test_expect_map(struct kunit *test, struct anon_object *obj,
				 struct file *view, u8 *mapped)
{
	loff_t size = anon_object_size(obj);
	const struct {
		loff_t pos;
		size_t len;
	} parts[] = {
		{ 0, 1 },
		{ 0, PAGE_SIZE },
		{ 1, PAGE_SIZE },
		{ PAGE_SIZE - 1, 2 },
		{ PAGE_SIZE + 13, 3 * PAGE_SIZE + 7 },
		{ size - 5, 5 },
		{ 0, size },
	};
	u8 *buf = anon_test_big_buffer(test, size);
	u8 *want = anon_test_big_buffer(test, size);
	int i;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		loff_t pos = parts[i].pos, end = pos + parts[i].len;
		size_t len = parts[i].len;

		memset(buf, 0, size);
		KUNIT_EXPECT_EQ(test, kernel_read(view, buf, len, &pos), len);
		KUNIT_EXPECT_EQ(test, pos, end);
		KUNIT_EXPECT_EQ(test, memcmp(buf, mapped + end - len, len), 0);
		if (len < size)
			KUNIT_EXPECT_EQ(test, buf[len], 0);

		memcpy(want, mapped, size);
		anon_test_pattern(buf, i, len);
		memcpy(want + end - len, buf, len);
		pos = end - len;
		KUNIT_EXPECT_EQ(test, kernel_write(view, buf, len, &pos), len);
		KUNIT_EXPECT_EQ(test, pos, end);
		KUNIT_EXPECT_EQ(test, memcmp(mapped, want, size), 0);
	}

	KUNIT_EXPECT_EQ(test, atomic_read(&anon_test_hooks.vmaps), 2 * i);
	KUNIT_EXPECT_EQ(test, atomic_read(&anon_test_hooks.vunmaps), 2 * i);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
}

/* With vmap, a device view reads and writes what that gives, not the object. */
static void anon_object_test_view_vmap(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, 16 * PAGE_SIZE);
	struct file *view = anon_test_vmap_view(test, obj);

	anon_test_expect_map(test, obj, view, anon_test_map(test, obj, false));
}

/* So it does if that is a device's memory. */
static void anon_object_test_view_vmap_iomem(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, 16 * PAGE_SIZE);
	struct file *view = anon_test_vmap_view(test, obj);

	if (!IS_ENABLED(CONFIG_X86))
		kunit_skip(test, "memory cannot stand for a device's");
	anon_test_expect_map(test, obj, view, anon_test_map(test, obj, true));
}

/* Reading and writing through vmap end where the object does. */
static void anon_object_test_view_vmap_ends(struct kunit *test)
{
	struct anon_test_hooks *hooks = &anon_test_hooks;
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct file *view = anon_test_vmap_view(test, obj);
	loff_t size = anon_object_size(obj), pos = size - 10;
	u8 *mapped = anon_test_map(test, obj, false);
	u8 *buf = anon_test_buffer(test, 100);

	memset(buf, 0xa5, 100);
	KUNIT_EXPECT_EQ(test, kernel_read(view, buf, 100, &pos), 10);
	KUNIT_EXPECT_EQ(test, pos, size);
	KUNIT_EXPECT_EQ(test, memcmp(buf, mapped + size - 10, 10), 0);
	KUNIT_EXPECT_NULL(test, memchr_inv(buf + 10, 0xa5, 90));
	KUNIT_EXPECT_EQ(test, kernel_read(view, buf, 100, &pos), 0);

	pos = size - 10;
	memset(buf, 0x5a, 100);
	KUNIT_EXPECT_EQ(test, kernel_write(view, buf, 100, &pos), 10);
	KUNIT_EXPECT_EQ(test, pos, size);
	KUNIT_EXPECT_NULL(test, memchr_inv(mapped + size - 10, 0x5a, 10));
	KUNIT_EXPECT_NE(test, mapped[size - 11], 0x5a);
	KUNIT_EXPECT_EQ(test, kernel_write(view, buf, 100, &pos), -ENOSPC);
	KUNIT_EXPECT_EQ(test, kernel_write(view, buf, 0, &pos), 0);

	pos = size + PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, kernel_read(view, buf, 100, &pos), 0);
	KUNIT_EXPECT_EQ(test, kernel_write(view, buf, 100, &pos), -ENOSPC);
	KUNIT_EXPECT_EQ(test, pos, size + PAGE_SIZE);

	/* Where there is nothing to do, nothing is mapped */
	KUNIT_EXPECT_EQ(test, atomic_read(&hooks->vmaps), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&hooks->vunmaps), 2);
	KUNIT_EXPECT_EQ(test, vfs_llseek(view, -10, SEEK_END), size - 10);
}

/* A vmap hook's error is what the call returns, and there is no vunmap. */
static void anon_object_test_view_vmap_fails(struct kunit *test)
{
	struct anon_test_hooks *hooks = &anon_test_hooks;
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct file *view = anon_test_vmap_view(test, obj);
	loff_t pos = 7;
	u8 buf = 0xa5;

	anon_test_map(test, obj, false);
	hooks->vmap_err = -EIDRM;
	KUNIT_EXPECT_EQ(test, kernel_read(view, &buf, 1, &pos), -EIDRM);
	KUNIT_EXPECT_EQ(test, kernel_write(view, &buf, 1, &pos), -EIDRM);
	KUNIT_EXPECT_EQ(test, buf, 0xa5);
	KUNIT_EXPECT_EQ(test, pos, 7);
	KUNIT_EXPECT_EQ(test, atomic_read(&hooks->vmaps), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&hooks->vunmaps), 0);
}

/* What is copied up to a fault counts; vunmap is called in any case. */
static void anon_object_test_view_vmap_faults(struct kunit *test)
{
	const size_t half = 8 * PAGE_SIZE;
	struct anon_test_hooks *hooks = &anon_test_hooks;
	struct anon_object *obj = anon_test_object(test, 2 * half);
	struct file *view = anon_test_vmap_view(test, obj);
	u8 *mapped = anon_test_map(test, obj, false);
	u8 *got = anon_test_buffer(test, PAGE_SIZE);
	struct iov_iter iter;
	unsigned long addr;
	u8 __user *user;
	loff_t pos = 1;

	addr = kunit_vm_mmap(test, NULL, 0, 2 * PAGE_SIZE,
			     PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, 0);
	KUNIT_ASSERT_NE(test, addr, 0);
	KUNIT_ASSERT_EQ(test, vm_munmap(addr + PAGE_SIZE, PAGE_SIZE), 0);
	user = (u8 __user *)addr;

	iov_iter_ubuf(&iter, ITER_DEST, user, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vfs_iter_read(view, &iter, &pos, 0), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pos, PAGE_SIZE + 1);
	KUNIT_EXPECT_EQ(test, copy_from_user(got, user, PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, memcmp(got, mapped + 1, PAGE_SIZE), 0);

	pos = half + 1;
	iov_iter_ubuf(&iter, ITER_SOURCE, user, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, vfs_iter_write(view, &iter, &pos, 0), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, pos, half + PAGE_SIZE + 1);
	KUNIT_EXPECT_EQ(test, memcmp(got, mapped + half + 1, PAGE_SIZE), 0);

	iov_iter_ubuf(&iter, ITER_DEST, user + PAGE_SIZE, 1);
	KUNIT_EXPECT_EQ(test, vfs_iter_read(view, &iter, &pos, 0), -EFAULT);
	iov_iter_ubuf(&iter, ITER_SOURCE, user + PAGE_SIZE, 1);
	KUNIT_EXPECT_EQ(test, vfs_iter_write(view, &iter, &pos, 0), -EFAULT);
	anon_test_pattern(got, pos, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, memcmp(got, mapped + pos, PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&hooks->vmaps), 4);
	KUNIT_EXPECT_EQ(test, atomic_read(&hooks->vunmaps), 4);
}

/* Only reading and writing go through vmap: it is the object's memory still. */
static void anon_object_test_view_vmap_fallocate(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);

	anon_test_fallocate(test, obj, anon_test_vmap_view(test, obj));
	KUNIT_EXPECT_EQ(test, atomic_read(&anon_test_hooks.vmaps), 0);
}

static void anon_test_expect_empty(struct kunit *test, struct file *view,
				   size_t size)
{
	loff_t pos = 0;
	u8 buf = 1;

	KUNIT_EXPECT_EQ(test, kernel_read(view, &buf, 1, &pos), 0);
	KUNIT_EXPECT_EQ(test, kernel_write(view, &buf, 1, &pos), -ENOSPC);
	KUNIT_EXPECT_EQ(test, vfs_fallocate(view, 0, 0, size), -EPERM);
	KUNIT_EXPECT_EQ(test, vfs_llseek(view, 0, SEEK_END), 0);
	KUNIT_EXPECT_EQ(test, anon_test_try_mmap(test, view, size, PROT_READ,
						 0), -EINVAL);
}

/* Once its object has been purged, a view is empty, and its mappings fault. */
static void anon_object_test_view_purge(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct file *view = anon_test_view(test, obj, NULL, O_RDWR);
	struct file *vmap_view = anon_test_vmap_view(test, obj);
	size_t size = anon_object_size(obj);
	unsigned long addr;
	struct page *page, *none;
	struct kstat stat;
	u8 got, want;

	anon_test_map(test, obj, false);
	anon_test_fill(test, obj);
	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, PAGE_SIZE, &page),
			0);
	addr = anon_test_mmap(test, view, size, PROT_READ | PROT_WRITE);
	KUNIT_EXPECT_EQ(test, get_user(got, (u8 __user *)addr), 0);
	anon_test_pattern(&want, 0, 1);
	KUNIT_EXPECT_EQ(test, got, want);

	KUNIT_EXPECT_EQ(test, anon_object_purge(obj), 0);
	KUNIT_EXPECT_EQ(test, get_user(got, (u8 __user *)addr), -EFAULT);
	KUNIT_EXPECT_EQ(test, put_user(1, (u8 __user *)addr), -EFAULT);
	vm_munmap(addr, size);
	/* It still says how large it was */
	KUNIT_EXPECT_EQ(test, vfs_getattr(&view->f_path, &stat, STATX_SIZE, 0),
			0);
	KUNIT_EXPECT_EQ(test, stat.size, size);
	anon_test_expect_empty(test, view, size);
	anon_test_expect_empty(test, vmap_view, size);
	anon_test_expect_empty(test, anon_test_view(test, obj, NULL, O_RDWR),
			       size);
	KUNIT_EXPECT_EQ(test, atomic_read(&anon_test_hooks.vmaps), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&anon_test_hooks.mmaps), 0);

	KUNIT_EXPECT_LT(test, anon_object_pin_pages(obj, 0, PAGE_SIZE, &none),
			0);
	anon_object_unpin_pages(obj, &page, 1, ANON_OBJECT_DIRTY);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
}

static unsigned long anon_test_get_area(struct kunit *test,
					struct anon_object *obj,
					unsigned long addr, unsigned long len,
					unsigned long flags)
{
	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
	mmap_write_lock(current->mm);
	addr = anon_object_get_unmapped_area(obj, addr, len, 0,
					     MAP_SHARED | flags);
	mmap_write_unlock(current->mm);
	KUNIT_EXPECT_FALSE(test, IS_ERR_VALUE(addr));
	return addr;
}

/* Of a size to be mapped large, none of which is allocated */
static struct anon_object *anon_test_area_object(struct kunit *test)
{
	return anon_test_object(test, anon_test_is_hugetlb(test) ?
				      SZ_4M : 2 * PMD_SIZE);
}

/* What an address must be a multiple of for large folios to be mapped large */
static unsigned long anon_test_align(struct kunit *test,
				     struct anon_object *obj)
{
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	const struct anon_test_backend *param = test->param_value;

	if (param->huge == ANON_OBJECT_HUGE_WITHIN_SIZE && anon_test_thp())
		return HPAGE_PMD_SIZE;
#endif
	return anon_test_unit(obj);
}

/* Where large folios fit, they can be mapped large, but nobody has to. */
static void anon_object_test_view_area(struct kunit *test)
{
	struct anon_object *obj = anon_test_area_object(test);
	unsigned long size = anon_object_size(obj);
	unsigned long addr, align = anon_test_unit(obj);

	addr = anon_test_get_area(test, obj, 0, PAGE_SIZE, 0);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED(addr, align));
	addr = anon_test_get_area(test, obj, 0, 3 * PAGE_SIZE, 0);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED(addr, align));

	align = anon_test_align(test, obj);
	addr = anon_test_get_area(test, obj, 0, size, 0);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED(addr, align));
	addr = anon_test_get_area(test, obj, 0, size - PAGE_SIZE, 0);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED(addr, align));

	KUNIT_EXPECT_EQ(test, anon_test_get_area(test, obj, addr + PAGE_SIZE,
						 PAGE_SIZE, MAP_FIXED),
			addr + PAGE_SIZE);
}

/* A device view is mapped at such an address. */
static void anon_object_test_view_device_area(struct kunit *test)
{
	struct anon_object *obj = anon_test_area_object(test);
	struct file *device = anon_test_device(test);
	struct file *view = anon_test_device_view(test, obj,
						  &anon_test_device_ops,
						  device, 0);
	size_t size = anon_object_size(obj);
	unsigned long addr, part;

	addr = anon_test_mmap(test, view, size, PROT_READ);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED(addr, anon_test_align(test, obj)));

	/* Wherever user space wants a part of it */
	part = vm_mmap(view, addr + PAGE_SIZE, PAGE_SIZE, PROT_READ,
		       MAP_SHARED | MAP_FIXED, 0);
	KUNIT_EXPECT_EQ(test, part, addr + PAGE_SIZE);
	vm_munmap(addr, size);
}

static void anon_test_expect_fd(struct kunit *test, struct file *view,
				unsigned int lowest, int flags)
{
	int fd = anon_view_fd(view, lowest, flags);
	struct file *file;
	bool cloexec;

	KUNIT_ASSERT_GE(test, fd, (int)lowest);
	file = fget(fd);
	KUNIT_EXPECT_PTR_EQ(test, file, view);
	scoped_guard(rcu)
		cloexec = close_on_exec(fd, current->files);
	KUNIT_EXPECT_EQ(test, cloexec, flags == O_CLOEXEC);
	if (file)
		fput(file);
	KUNIT_EXPECT_EQ(test, close_fd(fd), 0);
}

/* A file descriptor has the number and the flag that are asked for. */
static void anon_object_test_view_fd(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct file *file = anon_test_file(test, obj);
	struct file *view = anon_test_view(test, obj, NULL, O_RDWR);
	unsigned long limit = rlimit(RLIMIT_NOFILE);

	anon_test_expect_fd(test, view, 0, 0);
	anon_test_expect_fd(test, view, 0, O_CLOEXEC);
	anon_test_expect_fd(test, view, 200, 0);
	anon_test_expect_fd(test, view, 200, O_CLOEXEC);

	KUNIT_EXPECT_EQ(test, anon_view_fd(view, 0, O_APPEND), -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_view_fd(view, limit, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_view_fd(file, 0, 0), -EINVAL);
}

static long anon_test_reopen(struct file *file, int flags)
{
	struct file *again = dentry_open(&file->f_path, flags, current_cred());

	if (IS_ERR(again))
		return PTR_ERR(again);
	fput(again);
	return 0;
}

/* Once user space has a view, its file cannot be opened past it. */
static void anon_object_test_view_reopen(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct file *view = anon_test_view(test, obj, NULL, O_RDONLY);

	KUNIT_EXPECT_EQ(test, anon_test_reopen(view, O_RDWR), 0);
	anon_test_expect_fd(test, view, 0, 0);
	KUNIT_EXPECT_EQ(test, anon_test_reopen(view, O_RDWR), -EACCES);
	KUNIT_EXPECT_EQ(test, anon_test_reopen(view, O_RDONLY), -EACCES);

	/* The kernel itself goes on as before */
	anon_test_view(test, obj, NULL, O_RDWR);
}

static struct file *anon_test_view_through(struct anon_object *obj,
					   struct file *through, int flags)
{
	const struct anon_view_attrs attrs = {
		.flags = flags,
		.through = through,
	};

	return anon_object_view(obj, &attrs);
}

/* A file as memfd_create() makes them, and again with other rights */
static void anon_test_memfd(struct kunit *test, struct file **rdwr,
			    struct file **rdonly)
{
	*rdwr = shmem_file_setup("kunit", SZ_64K, EMPTY_VMA_FLAGS);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, *rdwr);
	anon_test_defer_fput(test, *rdwr);
	*rdonly = dentry_open(&(*rdwr)->f_path, O_RDONLY, current_cred());
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, *rdonly);
	anon_test_defer_fput(test, *rdonly);
}

static int anon_test_try_view(struct anon_object *obj, struct file *through,
			      int flags)
{
	struct file *view = anon_test_view_through(obj, through, flags);

	if (IS_ERR(view))
		return PTR_ERR(view);
	fput(view);
	return 0;
}

/* A view has the rights of the file that led to it, whoever came before. */
static void anon_object_test_view_through(struct kunit *test)
{
	struct anon_object *other = anon_test_object(test, SZ_64K), *obj;
	struct file *rdwr, *rdonly;
	int i;

	anon_test_memfd(test, &rdwr, &rdonly);
	for (i = 0; i < 2; i++) {
		obj = anon_object_from_file(i ? rdwr : rdonly);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
		KUNIT_EXPECT_EQ(test, anon_test_try_view(obj, rdonly, O_RDONLY),
				0);
		KUNIT_EXPECT_EQ(test, anon_test_try_view(obj, rdonly, O_WRONLY),
				-EACCES);
		KUNIT_EXPECT_EQ(test, anon_test_try_view(obj, rdonly, O_RDWR),
				-EACCES);
		KUNIT_EXPECT_EQ(test, anon_test_try_view(obj, rdwr, O_RDWR), 0);
		KUNIT_EXPECT_EQ(test, anon_test_try_view(obj, rdwr, O_WRONLY),
				0);
		KUNIT_EXPECT_EQ(test, anon_test_try_view(obj, NULL, O_RDONLY),
				-EACCES);
		KUNIT_EXPECT_EQ(test, anon_test_try_view(other, rdwr, O_RDONLY),
				-EINVAL);
		KUNIT_EXPECT_PTR_EQ(test, anon_object_file(obj),
				    ERR_PTR(-EOPNOTSUPP));
		anon_object_put(obj);
		anon_test_drain();
	}
}

/* Nor is a view a way to another that can do more. */
static void anon_object_test_view_through_view(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct file *rdonly = anon_test_view(test, obj, NULL, O_RDONLY);
	struct file *file = anon_test_file(test, obj);

	KUNIT_EXPECT_TRUE(test, file->f_mode & FMODE_WRITE);
	KUNIT_EXPECT_EQ(test, anon_test_try_view(obj, rdonly, O_RDWR), -EACCES);
	KUNIT_EXPECT_EQ(test, anon_test_try_view(obj, rdonly, O_RDONLY), 0);

	/* Not when it is only the view that keeps the object, either */
	anon_test_put(test, obj);
	KUNIT_EXPECT_EQ(test, anon_test_try_view(obj, rdonly, O_RDWR), -EACCES);
}

/* What user space made, a memfd, can be opened as ever. */
static void anon_object_test_view_reopen_memfd(struct kunit *test)
{
	struct file *file = shmem_file_setup("kunit", SZ_64K, EMPTY_VMA_FLAGS);
	struct anon_object *obj;
	struct file *view;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	anon_test_defer_fput(test, file);
	obj = anon_object_from_file(file);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
	view = anon_test_view_through(obj, file, O_RDONLY);
	anon_object_put(obj);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, view);
	anon_test_defer_fput(test, view);
	anon_test_expect_fd(test, view, 0, 0);
	KUNIT_EXPECT_EQ(test, anon_test_reopen(file, O_RDWR), 0);
	KUNIT_EXPECT_EQ(test, anon_test_reopen(view, O_RDWR), 0);
}

static struct kunit_case anon_object_view_cases[] = {
	KUNIT_CASE_PARAM(anon_object_test_view, anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_outlives,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_rejects,
			 anon_test_bad_view_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_private,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_mmap,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_hooks,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_vm_ops,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_open_fails,
			 anon_test_backend_gen_params),
	KUNIT_CASE(anon_object_test_view_base_fails),
	KUNIT_CASE_PARAM(anon_object_test_view_mmap_beyond,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_mmap_rdonly,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_fault,
			 anon_test_backend_gen_params),
	KUNIT_CASE(anon_object_test_view_fault_hugetlb),
	KUNIT_CASE_PARAM(anon_object_test_view_fault_resident,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_io,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_access,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_fadvise,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_fallocate,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_device,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_device_io,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_device_fallocate,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_device_area,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_splice,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_vmap,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_vmap_iomem,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_vmap_ends,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_vmap_fails,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_vmap_faults,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_vmap_fallocate,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_purge,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_area,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_fd,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_reopen,
			 anon_test_backend_gen_params),
	KUNIT_CASE(anon_object_test_view_reopen_memfd),
	KUNIT_CASE_PARAM(anon_object_test_view_through,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_view_through_view,
			 anon_test_backend_gen_params),
	{}
};

static struct kunit_suite anon_object_view_suite = {
	.name = "anon_object_view",
	.init = anon_test_view_init,
	.test_cases = anon_object_view_cases,
};

kunit_test_suite(anon_object_view_suite);
