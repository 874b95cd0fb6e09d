// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit test suite for files of GEM objects
 *
 * User space's side is all there: the ioctl is called with an argument in user
 * memory, views are mapped into an address space of the test's thread.
 */

#include <linux/anon_object.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/falloc.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/resource.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>

#include <kunit/resource.h>
#include <kunit/test.h>

#include <drm/drm.h>
#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_gem_shmem_helper.h>
#include <drm/drm_ioctl.h>
#include <drm/drm_kunit_helpers.h>
#include <drm/drm_prime.h>
#include <drm/drm_vma_manager.h>

MODULE_IMPORT_NS("DMA_BUF");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");

#define TEST_SIZE		SZ_64K

/*
 * What the driver has been asked, and what it says. It is no test's own, for
 * the mappings of a test that has failed go after it.
 */
static struct drm_gem_view_test_calls {
	const struct anon_object_attrs *attrs;
	bool map_wc;
	int open_err;
	int view_err;
	atomic_t opens;
	atomic_t closes;
	atomic_t frees;
	atomic_t releases;
	int frees_at_release;
} calls;

struct drm_gem_view_test {
	struct device *dev;
	struct drm_device *drm;
	struct file *file;
	void __user *arg;
};

static void drm_gem_view_test_obj_free(struct drm_gem_object *obj)
{
	atomic_inc(&calls.frees);
	drm_gem_shmem_object_free(obj);
}

static int drm_gem_view_test_obj_view(struct drm_gem_object *obj, u32 view)
{
	return calls.view_err ?: drm_gem_shmem_object_view(obj, view);
}

static int drm_gem_view_test_obj_open(struct drm_gem_object *obj,
				      struct vm_area_struct *vma)
{
	atomic_inc(&calls.opens);
	return calls.open_err;
}

static void drm_gem_view_test_obj_close(struct drm_gem_object *obj,
					struct vm_area_struct *vma)
{
	atomic_inc(&calls.closes);
}

static const struct drm_gem_object_funcs drm_gem_view_test_funcs = {
	.free = drm_gem_view_test_obj_free,
	.pin = drm_gem_shmem_object_pin,
	.unpin = drm_gem_shmem_object_unpin,
	.get_sg_table = drm_gem_shmem_object_get_sg_table,
	.vmap = drm_gem_shmem_object_vmap,
	.vunmap = drm_gem_shmem_object_vunmap,
	.mmap = drm_gem_shmem_object_mmap,
	.view = drm_gem_view_test_obj_view,
	.view_open = drm_gem_view_test_obj_open,
	.view_close = drm_gem_view_test_obj_close,
	.vm_ops = &drm_gem_shmem_vm_ops,
};

/* Those of a driver that does not know about views */
static const struct drm_gem_object_funcs drm_gem_view_test_no_view_funcs = {
	.free = drm_gem_shmem_object_free,
	.mmap = drm_gem_shmem_object_mmap,
	.vm_ops = &drm_gem_shmem_vm_ops,
};

static struct drm_gem_object *
drm_gem_view_test_create_object(struct drm_device *drm, size_t size)
{
	struct drm_gem_shmem_object *shmem = kzalloc_obj(*shmem);

	if (!shmem)
		return ERR_PTR(-ENOMEM);
	shmem->base.funcs = &drm_gem_view_test_funcs;
	shmem->attrs = calls.attrs;
	shmem->map_wc = calls.map_wc;
	return &shmem->base;
}

static void drm_gem_view_test_release(struct drm_device *drm)
{
	calls.frees_at_release = atomic_read(&calls.frees);
	atomic_inc(&calls.releases);
}

DEFINE_DRM_GEM_FOPS(drm_gem_view_test_fops);

static const struct drm_driver drm_gem_view_test_driver = {
	.driver_features = DRIVER_GEM | DRIVER_GEM_VIEW,
	.name = "drm_gem_view_test",
	.fops = &drm_gem_view_test_fops,
	.release = drm_gem_view_test_release,
	.gem_create_object = drm_gem_view_test_create_object,
	DRM_GEM_SHMEM_DRIVER_OPS,
};

/*
 * The files of kernel threads, and tests are such, are closed by a work item;
 * that of a view then leaves those of its object to be closed.
 */
static void drm_gem_view_test_drain(void)
{
	int i;

	for (i = 0; i < 3; i++)
		flush_delayed_fput();
}

static void drm_gem_view_test_fput(void *file)
{
	fput(file);
	drm_gem_view_test_drain();
}

static void drm_gem_view_test_put(void *obj)
{
	drm_gem_object_put(obj);
	drm_gem_view_test_drain();
}

static void drm_gem_view_test_defer(struct kunit *test, kunit_action_t *action,
				    void *arg)
{
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, action, arg), 0);
}

static struct drm_device *drm_gem_view_test_drm(struct kunit *test,
						struct device *dev)
{
	struct drm_device *drm;

	drm = __drm_kunit_helper_alloc_drm_device_with_driver(test, dev,
							      sizeof(*drm), 0,
							      &drm_gem_view_test_driver);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, drm);
	return drm;
}

static int drm_gem_view_test_init(struct kunit *test)
{
	struct drm_gem_view_test *priv;
	unsigned long arg;

	drm_gem_view_test_drain();
	memset(&calls, 0, sizeof(calls));

	priv = kunit_kzalloc(test, sizeof(*priv), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, priv);
	test->priv = priv;

	priv->dev = drm_kunit_helper_alloc_device(test);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, priv->dev);
	/* As drm_gem_shmem_test.c does it */
	KUNIT_ASSERT_EQ(test, dma_set_mask(priv->dev, DMA_BIT_MASK(64)), 0);
	priv->drm = drm_gem_view_test_drm(test, priv->dev);

	priv->file = mock_drm_getfile(priv->drm->primary, O_RDWR);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, priv->file);
	drm_gem_view_test_defer(test, drm_gem_view_test_fput, priv->file);

	arg = kunit_vm_mmap(test, NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, 0);
	KUNIT_ASSERT_NE(test, arg, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(arg));
	priv->arg = (void __user *)arg;

	return 0;
}

/* What the views of a test are of, and which they are */
static const struct drm_gem_view_test_kind {
	const char *desc;
	u32 view;
	bool map_wc;
	bool hugetlb;
} drm_gem_view_test_kinds[] = {
	{ "backing", DRM_GEM_VIEW_BACKING },
	{ "backing-hugetlb", DRM_GEM_VIEW_BACKING, .hugetlb = true },
	{ "device", DRM_GEM_VIEW_DEVICE },
	{ "device-hugetlb", DRM_GEM_VIEW_DEVICE, .hugetlb = true },
	{ "device-wc", DRM_GEM_VIEW_DEVICE, .map_wc = true },
};

KUNIT_ARRAY_PARAM_DESC(drm_gem_view_test_kind, drm_gem_view_test_kinds, desc);

static const struct anon_object_attrs drm_gem_view_test_hugetlb_attrs = {
	.backend = ANON_OBJECT_HUGETLB,
};

/* A file of sysfs, opened, read or written, and closed again */
static ssize_t drm_gem_view_test_sysfs(const char *name, int flags, char *buf,
				       size_t len)
{
	struct vfsmount *mnt = kern_mount(get_fs_type("sysfs"));
	struct path root;
	struct file *file;
	loff_t pos = 0;
	ssize_t ret;

	if (IS_ERR(mnt))
		return PTR_ERR(mnt);
	root.mnt = mnt;
	root.dentry = mnt->mnt_root;
	file = file_open_root(&root, name, flags, 0);
	ret = PTR_ERR_OR_ZERO(file);
	if (!ret) {
		ret = flags == O_RDONLY ? kernel_read(file, buf, len, &pos) :
					  kernel_write(file, buf, len, &pos);
		__fput_sync(file);
	}
	kern_unmount(mnt);
	return ret;
}

/* What hugetlb itself says of its default pool, free less reserved */
static long drm_gem_view_test_pool(const char *counter)
{
	char name[80], value[24] = "";
	unsigned long pages = 0;

	snprintf(name, sizeof(name), "kernel/mm/hugepages/hugepages-%lukB/%s",
		 PMD_SIZE >> 10, counter);
	drm_gem_view_test_sysfs(name, O_RDONLY, value, sizeof(value) - 1);
	return kstrtoul(value, 10, &pages) ? 0 : pages;
}

static void drm_gem_view_test_need_pool(struct kunit *test)
{
	if (drm_gem_view_test_pool("free_hugepages") <=
	    drm_gem_view_test_pool("resv_hugepages"))
		kunit_skip(test, "no huge page in the pool");
}

static struct drm_gem_object *drm_gem_view_test_obj(struct kunit *test,
						    bool map_wc)
{
	struct drm_gem_view_test *priv = test->priv;
	struct drm_gem_shmem_object *shmem;

	calls.map_wc = map_wc;
	shmem = drm_gem_shmem_create(priv->drm, TEST_SIZE);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, shmem);
	drm_gem_view_test_defer(test, drm_gem_view_test_put, &shmem->base);
	return &shmem->base;
}

static struct drm_gem_object *drm_gem_view_test_kind_obj(struct kunit *test)
{
	const struct drm_gem_view_test_kind *kind = test->param_value;

	if (kind->hugetlb) {
		drm_gem_view_test_need_pool(test);
		calls.attrs = &drm_gem_view_test_hugetlb_attrs;
	}
	return drm_gem_view_test_obj(test, kind->map_wc);
}

static u32 drm_gem_view_test_handle(struct kunit *test,
				    struct drm_gem_object *obj)
{
	struct drm_gem_view_test *priv = test->priv;
	u32 handle = 0;

	KUNIT_ASSERT_EQ(test, drm_gem_handle_create(priv->file->private_data,
						    obj, &handle), 0);
	return handle;
}

static int drm_gem_view_test_ioctl(struct kunit *test,
				   struct drm_gem_view *args)
{
	struct drm_gem_view_test *priv = test->priv;
	int ret;

	KUNIT_ASSERT_EQ(test, copy_to_user(priv->arg, args, sizeof(*args)), 0);
	ret = drm_ioctl(priv->file, DRM_IOCTL_GEM_VIEW,
			(unsigned long)priv->arg);
	KUNIT_ASSERT_EQ(test, copy_from_user(args, priv->arg, sizeof(*args)),
			0);
	return ret;
}

static int drm_gem_view_test_module_refs(void)
{
#if defined(MODULE) && defined(CONFIG_MODULE_UNLOAD)
	return module_refcount(THIS_MODULE);
#else
	return 0;
#endif
}

/* What the ioctl returns; nothing is left behind by one that has failed */
static int drm_gem_view_test_try(struct kunit *test, struct drm_gem_object *obj,
				 struct drm_gem_view *args)
{
	struct drm_gem_view_test *priv = test->priv;
	unsigned int obj_refs = kref_read(&obj->refcount);
	unsigned int drm_refs = kref_read(&priv->drm->ref);
	int module_refs = drm_gem_view_test_module_refs();
	int ret;

	ret = drm_gem_view_test_ioctl(test, args);
	if (!ret)
		KUNIT_EXPECT_EQ(test, close_fd(args->fd), 0);
	drm_gem_view_test_drain();
	KUNIT_EXPECT_EQ(test, kref_read(&obj->refcount), obj_refs);
	KUNIT_EXPECT_EQ(test, kref_read(&priv->drm->ref), drm_refs);
	KUNIT_EXPECT_EQ(test, drm_gem_view_test_module_refs(), module_refs);
	return ret;
}

static int drm_gem_view_test_try_view(struct kunit *test,
				      struct drm_gem_object *obj, u32 view)
{
	struct drm_gem_view_test *priv = test->priv;
	struct drm_gem_view args = {
		.handle = drm_gem_view_test_handle(test, obj),
		.view = view,
		.flags = DRM_GEM_VIEW_RDWR,
	};
	int ret = drm_gem_view_test_try(test, obj, &args);

	drm_gem_handle_delete(priv->file->private_data, args.handle);
	return ret;
}

/* A view that must be had; the handle that it was made of has gone */
static struct file *drm_gem_view_test_view(struct kunit *test,
					   struct drm_gem_object *obj, u32 view,
					   u32 flags)
{
	struct drm_gem_view_test *priv = test->priv;
	struct drm_gem_view args = {
		.handle = drm_gem_view_test_handle(test, obj),
		.view = view,
		.flags = flags,
		.fd = -1,
	};
	struct file *file;

	KUNIT_ASSERT_EQ(test, drm_gem_view_test_ioctl(test, &args), 0);
	drm_gem_handle_delete(priv->file->private_data, args.handle);
	KUNIT_ASSERT_GE(test, args.fd, 0);
	file = fget(args.fd);
	KUNIT_EXPECT_EQ(test, close_fd(args.fd), 0);
	KUNIT_ASSERT_NOT_NULL(test, file);
	drm_gem_view_test_defer(test, drm_gem_view_test_fput, file);
	return file;
}

static struct file *drm_gem_view_test_kind_view(struct kunit *test,
						struct drm_gem_object *obj,
						u32 flags)
{
	const struct drm_gem_view_test_kind *kind = test->param_value;

	return drm_gem_view_test_view(test, obj, kind->view, flags);
}

static long drm_gem_view_test_try_mmap(struct file *file, size_t len,
				       unsigned long prot,
				       unsigned long offset)
{
	return vm_mmap(file, 0, len, prot, MAP_SHARED, offset);
}

static unsigned long drm_gem_view_test_mmap(struct kunit *test,
					    struct file *file, size_t len,
					    unsigned long prot,
					    unsigned long offset)
{
	long addr = drm_gem_view_test_try_mmap(file, len, prot, offset);

	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	return addr;
}

static u8 *drm_gem_view_test_buffer(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, TEST_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	return buf;
}

/* No two pages of it are alike */
static void drm_gem_view_test_pattern(u8 *buf, u8 seed)
{
	int i;

	for (i = 0; i < TEST_SIZE; i++)
		buf[i] = seed + i * 7 + (i >> PAGE_SHIFT) * 3;
}

/* What the object holds from the driver's point of view */
static void drm_gem_view_test_fill(struct kunit *test,
				   struct drm_gem_object *obj, u8 *buf, u8 seed)
{
	struct iosys_map map;

	drm_gem_view_test_pattern(buf, seed);
	KUNIT_ASSERT_EQ(test, drm_gem_vmap(obj, &map), 0);
	iosys_map_memcpy_to(&map, 0, buf, TEST_SIZE);
	drm_gem_vunmap(obj, &map);
}

static bool drm_gem_view_test_holds(struct kunit *test,
				    struct drm_gem_object *obj, const u8 *want)
{
	u8 *got = drm_gem_view_test_buffer(test);
	struct iosys_map map;

	KUNIT_ASSERT_EQ(test, drm_gem_vmap(obj, &map), 0);
	iosys_map_memcpy_from(got, &map, 0, TEST_SIZE);
	drm_gem_vunmap(obj, &map);
	return !memcmp(got, want, TEST_SIZE);
}

/*
 * Test making files of an object. The test case succeeds if they have the size
 * and the inode of the object and the access mode that was asked for, and if
 * DEVICE views have the device's mapping.
 */
static void drm_gem_view_test_file(struct kunit *test)
{
	const struct drm_gem_view_test_kind *kind = test->param_value;
	struct drm_gem_view_test *priv = test->priv;
	struct drm_gem_object *obj = drm_gem_view_test_kind_obj(test);
	struct file *rdonly = drm_gem_view_test_kind_view(test, obj, 0);
	struct file *rdwr = drm_gem_view_test_kind_view(test, obj,
							DRM_GEM_VIEW_RDWR);
	fmode_t mode = FMODE_READ | FMODE_WRITE;
	struct address_space *mapping;

	KUNIT_EXPECT_PTR_EQ(test, file_inode(rdwr), obj->anon->inode);
	KUNIT_EXPECT_TRUE(test, (rdonly->f_mode & mode) == FMODE_READ);
	KUNIT_EXPECT_TRUE(test, (rdwr->f_mode & mode) == mode);
	KUNIT_EXPECT_EQ(test, vfs_llseek(rdwr, 0, SEEK_END), obj->size);

	mapping = kind->view == DRM_GEM_VIEW_DEVICE ?
		  priv->drm->anon_inode->i_mapping :
		  obj->anon->inode->i_mapping;
	KUNIT_EXPECT_PTR_EQ(test, rdwr->f_mapping, mapping);
}

static void drm_gem_view_test_expect_fd(struct kunit *test, u32 handle,
					u32 flags, u32 lowest)
{
	struct drm_gem_view args = {
		.handle = handle,
		.flags = flags,
		.lowest_fd = lowest,
		.fd = -1,
	};
	bool cloexec;

	KUNIT_ASSERT_EQ(test, drm_gem_view_test_ioctl(test, &args), 0);
	KUNIT_ASSERT_GE(test, args.fd, (int)lowest);
	if (!lowest)
		KUNIT_EXPECT_LT(test, args.fd, 200);
	scoped_guard(rcu)
		cloexec = close_on_exec(args.fd, current->files);
	KUNIT_EXPECT_EQ(test, cloexec, !!(flags & DRM_GEM_VIEW_CLOEXEC));
	KUNIT_EXPECT_EQ(test, close_fd(args.fd), 0);
}

/*
 * Test the flags about the file descriptor. The test case succeeds if its
 * number is not below the lowest one that is asked for, and if it has the
 * close-on-exec flag when it is asked to.
 */
static void drm_gem_view_test_fd(struct kunit *test)
{
	struct drm_gem_object *obj = drm_gem_view_test_obj(test, false);
	u32 handle = drm_gem_view_test_handle(test, obj);

	drm_gem_view_test_expect_fd(test, handle, 0, 0);
	drm_gem_view_test_expect_fd(test, handle, DRM_GEM_VIEW_CLOEXEC, 0);
	drm_gem_view_test_expect_fd(test, handle, DRM_GEM_VIEW_LOWEST_FD, 0);
	drm_gem_view_test_expect_fd(test, handle, DRM_GEM_VIEW_LOWEST_FD, 200);
	drm_gem_view_test_expect_fd(test, handle, DRM_GEM_VIEW_LOWEST_FD |
				    DRM_GEM_VIEW_CLOEXEC, 200);
}

static const struct drm_gem_view_test_bad {
	const char *desc;
	struct drm_gem_view args;
	int err;
} drm_gem_view_test_bads[] = {
	{ "handle", { .handle = 4711 }, -ENOENT },
	{ "handle-0", { .handle = 0 }, -ENOENT },
	{ "view", { .view = DRM_GEM_VIEW_DEVICE + 1 }, -EINVAL },
	{ "flags", { .flags = DRM_GEM_VIEW_RDWR | BIT(3) }, -EINVAL },
	{ "flags-high", { .flags = BIT(31) }, -EINVAL },
	{ "pad", { .pad = 1 }, -EINVAL },
	{ "lowest_fd-without-flag", { .lowest_fd = 1 }, -EINVAL },
	{ "lowest_fd-above-limit",
	  { .flags = DRM_GEM_VIEW_LOWEST_FD, .lowest_fd = INT_MAX }, -EINVAL },
	{ "lowest_fd-negative",
	  { .flags = DRM_GEM_VIEW_LOWEST_FD, .lowest_fd = -1 }, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(drm_gem_view_test_bad, drm_gem_view_test_bads, desc);

/*
 * Test bad arguments. The test case succeeds if the ioctl returns the error
 * that is documented and leaves nothing behind.
 */
static void drm_gem_view_test_rejects(struct kunit *test)
{
	const struct drm_gem_view_test_bad *bad = test->param_value;
	struct drm_gem_object *obj = drm_gem_view_test_obj(test, false);
	u32 handle = drm_gem_view_test_handle(test, obj);
	struct drm_gem_view args = bad->args;

	if (bad->err != -ENOENT)
		args.handle = handle;
	KUNIT_EXPECT_EQ(test, drm_gem_view_test_try(test, obj, &args),
			bad->err);

	args = (struct drm_gem_view){ .handle = handle };
	KUNIT_EXPECT_EQ(test, drm_gem_view_test_try(test, obj, &args), 0);
}

static void drm_gem_view_test_restore_limit(void *limit)
{
	current->signal->rlim[RLIMIT_NOFILE].rlim_cur = (unsigned long)limit;
}

/*
 * Test running out of file descriptors. The test case succeeds if the ioctl
 * returns -EMFILE, and if the file that it had made is gone.
 */
static void drm_gem_view_test_emfile(struct kunit *test)
{
	struct drm_gem_object *obj = drm_gem_view_test_obj(test, false);
	u32 handle = drm_gem_view_test_handle(test, obj);
	unsigned long limit = rlimit(RLIMIT_NOFILE);
	struct drm_gem_view first = { .handle = handle };
	struct drm_gem_view args = { .handle = handle };

	KUNIT_ASSERT_EQ(test, drm_gem_view_test_ioctl(test, &first), 0);
	current->signal->rlim[RLIMIT_NOFILE].rlim_cur = first.fd + 1;
	KUNIT_EXPECT_EQ(test, drm_gem_view_test_try(test, obj, &args), -EMFILE);
	drm_gem_view_test_restore_limit((void *)limit);
	KUNIT_EXPECT_EQ(test, close_fd(first.fd), 0);
	drm_gem_view_test_drain();
	KUNIT_EXPECT_EQ(test, drm_gem_view_test_try(test, obj, &args), 0);
}

static u64 drm_gem_view_test_cap(struct kunit *test)
{
	struct drm_gem_view_test *priv = test->priv;
	struct drm_get_cap cap = { .capability = DRM_CAP_GEM_VIEW };

	KUNIT_ASSERT_EQ(test, copy_to_user(priv->arg, &cap, sizeof(cap)), 0);
	KUNIT_EXPECT_EQ(test, drm_ioctl(priv->file, DRM_IOCTL_GET_CAP,
					(unsigned long)priv->arg), 0);
	KUNIT_ASSERT_EQ(test, copy_from_user(&cap, priv->arg, sizeof(cap)), 0);
	return cap.value;
}

/*
 * Test a driver without views. The test case succeeds if the capability says
 * so and the ioctl returns -EOPNOTSUPP, whatever its arguments.
 */
static void drm_gem_view_test_feature(struct kunit *test)
{
	struct drm_gem_view_test *priv = test->priv;
	struct drm_gem_object *obj = drm_gem_view_test_obj(test, false);
	struct drm_gem_view args = { .handle = 4711, .pad = 1 };

	KUNIT_EXPECT_EQ(test, drm_gem_view_test_cap(test), 1);
	priv->drm->driver_features &= ~DRIVER_GEM_VIEW;
	KUNIT_EXPECT_EQ(test, drm_gem_view_test_cap(test), 0);
	KUNIT_EXPECT_EQ(test, drm_gem_view_test_try_view(test, obj,
							 DRM_GEM_VIEW_BACKING),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, drm_gem_view_test_try_view(test, obj,
							 DRM_GEM_VIEW_DEVICE),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, drm_gem_view_test_try(test, obj, &args),
			-EOPNOTSUPP);
}

static void drm_gem_view_test_expect_none(struct kunit *test,
					  struct drm_gem_object *obj)
{
	KUNIT_EXPECT_EQ(test, drm_gem_view_test_try_view(test, obj,
							 DRM_GEM_VIEW_BACKING),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, drm_gem_view_test_try_view(test, obj,
							 DRM_GEM_VIEW_DEVICE),
			-EOPNOTSUPP);
}

/* Test that there is no cached file of what is mapped write-combined. */
static void drm_gem_view_test_wc(struct kunit *test)
{
	struct drm_gem_object *obj = drm_gem_view_test_obj(test, true);

	KUNIT_EXPECT_EQ(test, drm_gem_view_test_try_view(test, obj,
							 DRM_GEM_VIEW_BACKING),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, drm_gem_view_test_try_view(test, obj,
							 DRM_GEM_VIEW_DEVICE),
			0);
}

/* Test that &drm_gem_object_funcs.view can refuse, and must be there. */
static void drm_gem_view_test_callback(struct kunit *test)
{
	struct drm_gem_object *obj = drm_gem_view_test_obj(test, false);

	calls.view_err = -EOPNOTSUPP;
	drm_gem_view_test_expect_none(test, obj);
	calls.view_err = 0;
	KUNIT_EXPECT_EQ(test, drm_gem_view_test_try_view(test, obj,
							 DRM_GEM_VIEW_BACKING),
			0);
	obj->funcs = &drm_gem_view_test_no_view_funcs;
	drm_gem_view_test_expect_none(test, obj);
}

static void drm_gem_view_test_dma_buf_put(void *dma_buf)
{
	dma_buf_put(dma_buf);
	drm_gem_view_test_drain();
}

/* Test that there is no view of what another device has exported. */
static void drm_gem_view_test_imported(struct kunit *test)
{
	struct drm_gem_view_test *priv = test->priv;
	struct drm_device *exporter = drm_gem_view_test_drm(test, priv->dev);
	struct drm_gem_shmem_object *shmem;
	struct drm_gem_object *imported;
	struct dma_buf *dma_buf;

	shmem = drm_gem_shmem_create(exporter, TEST_SIZE);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, shmem);
	drm_gem_view_test_defer(test, drm_gem_view_test_put, &shmem->base);
	dma_buf = drm_gem_prime_export(&shmem->base, O_RDWR);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dma_buf);
	drm_gem_view_test_defer(test, drm_gem_view_test_dma_buf_put, dma_buf);

	imported = drm_gem_shmem_prime_import_no_map(priv->drm, dma_buf);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, imported);
	drm_gem_view_test_defer(test, drm_gem_view_test_put, imported);
	KUNIT_ASSERT_TRUE(test, drm_gem_is_imported(imported));
	drm_gem_view_test_expect_none(test, imported);
}

static void drm_gem_view_test_private_free(struct drm_gem_object *obj)
{
	drm_gem_object_release(obj);
	kfree(obj);
}

static int drm_gem_view_test_any_view(struct drm_gem_object *obj, u32 view)
{
	return 0;
}

static const struct drm_gem_object_funcs drm_gem_view_test_private_funcs = {
	.free = drm_gem_view_test_private_free,
	.view = drm_gem_view_test_any_view,
};

/* Test that memory of the driver's own has no views, whatever that says. */
static void drm_gem_view_test_private(struct kunit *test)
{
	struct drm_gem_view_test *priv = test->priv;
	struct drm_gem_object *obj = kzalloc_obj(*obj);

	KUNIT_ASSERT_NOT_NULL(test, obj);
	obj->funcs = &drm_gem_view_test_private_funcs;
	drm_gem_private_object_init(priv->drm, obj, TEST_SIZE);
	drm_gem_view_test_defer(test, drm_gem_view_test_put, obj);
	drm_gem_view_test_expect_none(test, obj);
}

/* Without an offset for its mappings there is no view of the driver's mmap. */
static void drm_gem_view_test_no_offset(struct kunit *test)
{
	struct drm_gem_view_test *priv = test->priv;
	struct drm_gem_object *obj = drm_gem_view_test_obj(test, false);
	struct drm_vma_offset_node all;

	drm_gem_free_mmap_offset(obj);
	drm_vma_node_reset(&all);
	KUNIT_ASSERT_EQ(test,
			drm_vma_offset_add(priv->drm->vma_offset_manager, &all,
					   DRM_FILE_PAGE_OFFSET_SIZE), 0);
	KUNIT_EXPECT_EQ(test, drm_gem_view_test_try_view(test, obj,
							 DRM_GEM_VIEW_DEVICE),
			-ENOSPC);
	KUNIT_EXPECT_EQ(test, drm_gem_view_test_try_view(test, obj,
							 DRM_GEM_VIEW_BACKING),
			0);
	drm_vma_offset_remove(priv->drm->vma_offset_manager, &all);
	KUNIT_EXPECT_EQ(test, drm_gem_view_test_try_view(test, obj,
							 DRM_GEM_VIEW_DEVICE),
			0);
}

/*
 * Test reading and writing. The test case succeeds if the driver sees what has
 * been written, what the driver has written is read, and both end where the
 * object does.
 */
static void drm_gem_view_test_io(struct kunit *test)
{
	struct drm_gem_object *obj = drm_gem_view_test_kind_obj(test);
	struct drm_gem_shmem_object *shmem = to_drm_gem_shmem_obj(obj);
	struct file *view = drm_gem_view_test_kind_view(test, obj,
							DRM_GEM_VIEW_RDWR);
	u8 *buf = drm_gem_view_test_buffer(test);
	u8 *got = drm_gem_view_test_buffer(test);
	loff_t pos = 0;

	drm_gem_view_test_fill(test, obj, buf, 1);
	KUNIT_EXPECT_EQ(test, kernel_read(view, got, TEST_SIZE, &pos),
			TEST_SIZE);
	KUNIT_EXPECT_EQ(test, memcmp(got, buf, TEST_SIZE), 0);

	pos = 0;
	drm_gem_view_test_pattern(buf, 2);
	KUNIT_EXPECT_EQ(test, kernel_write(view, buf, TEST_SIZE, &pos),
			TEST_SIZE);
	KUNIT_EXPECT_TRUE(test, drm_gem_view_test_holds(test, obj, buf));

	pos = obj->size - 1;
	KUNIT_EXPECT_EQ(test, kernel_write(view, buf, 2, &pos), 1);
	KUNIT_EXPECT_EQ(test, kernel_write(view, buf, 2, &pos), -ENOSPC);
	pos = obj->size - 1;
	KUNIT_EXPECT_EQ(test, kernel_read(view, got, 2, &pos), 1);
	KUNIT_EXPECT_EQ(test, got[0], buf[0]);
	KUNIT_EXPECT_EQ(test, kernel_read(view, got, 2, &pos), 0);

	/* Nothing stays pinned */
	KUNIT_EXPECT_EQ(test, refcount_read(&shmem->vmap_use_count), 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&shmem->pages_use_count), 0);
}

/*
 * Test mapping. The test case succeeds if user space and the driver see each
 * other's writes, also in a part of the object and in what is left of a mapping
 * when its beginning has been unmapped.
 */
static void drm_gem_view_test_map(struct kunit *test)
{
	const struct drm_gem_view_test_kind *kind = test->param_value;
	struct drm_gem_object *obj = drm_gem_view_test_kind_obj(test);
	struct file *view = drm_gem_view_test_kind_view(test, obj,
							DRM_GEM_VIEW_RDWR);
	u8 *buf = drm_gem_view_test_buffer(test);
	u8 *got = drm_gem_view_test_buffer(test);
	unsigned long addr, part;

	addr = drm_gem_view_test_mmap(test, view, obj->size,
				      PROT_READ | PROT_WRITE, 0);
	drm_gem_view_test_fill(test, obj, buf, 1);
	KUNIT_EXPECT_EQ(test, copy_from_user(got, (void __user *)addr,
					     TEST_SIZE), 0);
	KUNIT_EXPECT_EQ(test, memcmp(got, buf, TEST_SIZE), 0);

	drm_gem_view_test_pattern(buf, 2);
	KUNIT_EXPECT_EQ(test, copy_to_user((void __user *)addr, buf, TEST_SIZE),
			0);
	KUNIT_EXPECT_TRUE(test, drm_gem_view_test_holds(test, obj, buf));
	vm_munmap(addr, obj->size);

	/* hugetlb's own mappings do not split */
	if (kind->hugetlb && kind->view == DRM_GEM_VIEW_BACKING)
		return;

	addr = drm_gem_view_test_mmap(test, view, obj->size, PROT_READ, 0);
	KUNIT_EXPECT_EQ(test, vm_munmap(addr, 2 * PAGE_SIZE), 0);
	part = drm_gem_view_test_mmap(test, view, PAGE_SIZE, PROT_READ,
				      3 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, copy_from_user(got, (void __user *)part,
					     PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, memcmp(got, buf + 3 * PAGE_SIZE, PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, copy_from_user(got, (void __user *)addr +
					     2 * PAGE_SIZE, PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, memcmp(got, buf + 2 * PAGE_SIZE, PAGE_SIZE), 0);
	vm_munmap(part, PAGE_SIZE);
	vm_munmap(addr, obj->size);
}

/*
 * Test what cannot be mapped. The test case succeeds if a file without the
 * right to write is not mapped for that, and none beyond the object.
 */
static void drm_gem_view_test_map_rejects(struct kunit *test)
{
	struct drm_gem_object *obj = drm_gem_view_test_kind_obj(test);
	struct file *view = drm_gem_view_test_kind_view(test, obj, 0);
	size_t size = obj->size;
	unsigned long addr;

	KUNIT_EXPECT_EQ(test, drm_gem_view_test_try_mmap(view, size, PROT_WRITE,
							 0), -EACCES);
	KUNIT_EXPECT_EQ(test, drm_gem_view_test_try_mmap(view, 2 * size,
							 PROT_READ, 0),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, drm_gem_view_test_try_mmap(view, size, PROT_READ,
							 size), -EINVAL);
	addr = drm_gem_view_test_mmap(test, view, size, PROT_READ, 0);
	KUNIT_EXPECT_NE(test, put_user(1, (u8 __user *)addr), 0);
	vm_munmap(addr, size);
	KUNIT_EXPECT_EQ(test, atomic_read(&calls.opens),
			atomic_read(&calls.closes));
}

/*
 * Test view_open and view_close. The test case succeeds if each mapping of a
 * BACKING view is told, none of a DEVICE view is, and if an error fails mmap().
 */
static void drm_gem_view_test_hooks(struct kunit *test)
{
	const struct drm_gem_view_test_kind *kind = test->param_value;
	int backing = kind->view == DRM_GEM_VIEW_BACKING;
	struct drm_gem_object *obj = drm_gem_view_test_kind_obj(test);
	struct file *view = drm_gem_view_test_kind_view(test, obj,
							DRM_GEM_VIEW_RDWR);
	unsigned long first, second;
	unsigned int refs;

	first = drm_gem_view_test_mmap(test, view, obj->size, PROT_READ, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&calls.opens), backing);
	second = drm_gem_view_test_mmap(test, view, obj->size, PROT_READ, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&calls.opens), 2 * backing);
	KUNIT_EXPECT_EQ(test, atomic_read(&calls.closes), 0);
	vm_munmap(first, obj->size);
	KUNIT_EXPECT_EQ(test, atomic_read(&calls.closes), backing);
	vm_munmap(second, obj->size);
	KUNIT_EXPECT_EQ(test, atomic_read(&calls.closes), 2 * backing);
	KUNIT_EXPECT_EQ(test, atomic_read(&calls.opens), 2 * backing);
	if (!backing)
		return;

	drm_gem_view_test_drain();
	refs = kref_read(&obj->refcount);
	calls.open_err = -EIDRM;
	KUNIT_EXPECT_EQ(test, drm_gem_view_test_try_mmap(view, obj->size,
							 PROT_READ, 0), -EIDRM);
	KUNIT_EXPECT_EQ(test, atomic_read(&calls.opens), 3);
	KUNIT_EXPECT_EQ(test, atomic_read(&calls.closes), 2);
	drm_gem_view_test_drain();
	KUNIT_EXPECT_EQ(test, kref_read(&obj->refcount), refs);
}

static void drm_gem_view_test_expect_empty(struct kunit *test,
					   struct drm_gem_object *obj,
					   struct file *view)
{
	int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	loff_t pos = 0;
	u8 buf = 1;

	KUNIT_EXPECT_EQ(test, kernel_read(view, &buf, 1, &pos), 0);
	KUNIT_EXPECT_EQ(test, kernel_write(view, &buf, 1, &pos), -ENOSPC);
	KUNIT_EXPECT_EQ(test, vfs_fallocate(view, 0, 0, obj->size), -EPERM);
	KUNIT_EXPECT_EQ(test, vfs_fallocate(view, punch, 0, obj->size), 0);
	KUNIT_EXPECT_EQ(test, vfs_llseek(view, 0, SEEK_END), 0);
	KUNIT_EXPECT_EQ(test, drm_gem_view_test_try_mmap(view, obj->size,
							 PROT_READ, 0),
			-EINVAL);
}

/*
 * Test purging. The test case succeeds if what had been mapped raises SIGBUS
 * from then on, and files, new ones too, are empty.
 */
static void drm_gem_view_test_purge(struct kunit *test)
{
	struct drm_gem_object *obj = drm_gem_view_test_kind_obj(test);
	struct drm_gem_shmem_object *shmem = to_drm_gem_shmem_obj(obj);
	struct file *view = drm_gem_view_test_kind_view(test, obj,
							DRM_GEM_VIEW_RDWR);
	u8 *buf = drm_gem_view_test_buffer(test);
	struct anon_object_stat stat;
	unsigned long addr;
	u8 got;

	drm_gem_view_test_fill(test, obj, buf, 1);
	addr = drm_gem_view_test_mmap(test, view, obj->size,
				      PROT_READ | PROT_WRITE, 0);
	KUNIT_EXPECT_EQ(test, get_user(got, (u8 __user *)addr), 0);
	KUNIT_EXPECT_EQ(test, got, buf[0]);

	/* That it may be purged changes nothing yet */
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, drm_gem_shmem_get_pages_sgt(shmem));
	KUNIT_EXPECT_TRUE(test, drm_gem_shmem_madvise(shmem, 1));
	KUNIT_EXPECT_EQ(test, put_user(2, (u8 __user *)addr), 0);

	KUNIT_ASSERT_EQ(test, drm_gem_shmem_purge(shmem), 0);
	KUNIT_EXPECT_EQ(test, get_user(got, (u8 __user *)addr), -EFAULT);
	KUNIT_EXPECT_EQ(test, put_user(3, (u8 __user *)addr), -EFAULT);
	vm_munmap(addr, obj->size);
	drm_gem_view_test_expect_empty(test, obj, view);
	view = drm_gem_view_test_kind_view(test, obj, DRM_GEM_VIEW_RDWR);
	drm_gem_view_test_expect_empty(test, obj, view);

	anon_object_get_stat(obj->anon, &stat);
	KUNIT_EXPECT_EQ(test, stat.pinned, 0);
	KUNIT_EXPECT_EQ(test, stat.resident, 0);
}

/*
 * Test the table that drivers ask for. The test case succeeds if it has the
 * pages that the array has, which are pinned once, and until both are put.
 */
static void drm_gem_view_test_table(struct kunit *test)
{
	struct drm_gem_object *obj = drm_gem_view_test_kind_obj(test);
	struct drm_gem_shmem_object *shmem = to_drm_gem_shmem_obj(obj);
	struct anon_object_stat stat;
	struct sg_page_iter iter;
	struct iosys_map map;
	struct sg_table *sgt;
	size_t nr = 0;

	sgt = drm_gem_shmem_get_pages_sgt(shmem);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sgt);
	KUNIT_EXPECT_PTR_EQ(test, drm_gem_shmem_get_pages_sgt(shmem), sgt);
	KUNIT_ASSERT_EQ(test, drm_gem_vmap(obj, &map), 0);
	for_each_sgtable_page(sgt, &iter, 0) {
		KUNIT_ASSERT_LT(test, nr, obj->size >> PAGE_SHIFT);
		KUNIT_EXPECT_PTR_EQ(test, sg_page_iter_page(&iter),
				    shmem->pages[nr]);
		nr++;
	}
	KUNIT_EXPECT_EQ(test, nr, obj->size >> PAGE_SHIFT);
	anon_object_get_stat(obj->anon, &stat);
	KUNIT_EXPECT_EQ(test, stat.pinned, obj->size);

	dma_resv_lock(obj->resv, NULL);
	__drm_gem_shmem_free_sgt_locked(shmem);
	drm_gem_shmem_put_pages_locked(shmem);
	dma_resv_unlock(obj->resv);
	KUNIT_EXPECT_NULL(test, shmem->sgt);
	anon_object_get_stat(obj->anon, &stat);
	KUNIT_EXPECT_EQ(test, stat.pinned, obj->size);

	drm_gem_vunmap(obj, &map);
	KUNIT_EXPECT_NULL(test, shmem->pages);
	anon_object_get_stat(obj->anon, &stat);
	KUNIT_EXPECT_EQ(test, stat.pinned, 0);
}

/*
 * Test how long an object lives. The test case succeeds if it stays while there
 * is a file or a mapping of it, and is freed when there is none.
 */
static void drm_gem_view_test_outlives(struct kunit *test)
{
	struct drm_gem_object *obj = drm_gem_view_test_kind_obj(test);
	size_t size = obj->size;
	struct file *view = drm_gem_view_test_kind_view(test, obj,
							DRM_GEM_VIEW_RDWR);
	u8 *buf = drm_gem_view_test_buffer(test);
	u8 *got = drm_gem_view_test_buffer(test);
	int refs = drm_gem_view_test_module_refs();
	unsigned long addr;
	loff_t pos = 0;

	drm_gem_view_test_fill(test, obj, buf, 1);
	kunit_release_action(test, drm_gem_view_test_put, obj);
	KUNIT_EXPECT_EQ(test, atomic_read(&calls.frees), 0);
	KUNIT_EXPECT_EQ(test, kernel_read(view, got, TEST_SIZE, &pos),
			TEST_SIZE);
	KUNIT_EXPECT_EQ(test, memcmp(got, buf, TEST_SIZE), 0);

	addr = drm_gem_view_test_mmap(test, view, size, PROT_READ, 0);
	kunit_release_action(test, drm_gem_view_test_fput, view);
	KUNIT_EXPECT_EQ(test, atomic_read(&calls.frees), 0);
	memset(got, 0, TEST_SIZE);
	KUNIT_EXPECT_EQ(test, copy_from_user(got, (void __user *)addr,
					     TEST_SIZE), 0);
	KUNIT_EXPECT_EQ(test, memcmp(got, buf, TEST_SIZE), 0);
	KUNIT_EXPECT_EQ(test, drm_gem_view_test_module_refs(), refs);

	vm_munmap(addr, size);
	drm_gem_view_test_drain();
	KUNIT_EXPECT_EQ(test, atomic_read(&calls.frees), 1);
	if (drm_gem_view_test_module_refs())
		KUNIT_EXPECT_EQ(test, drm_gem_view_test_module_refs(),
				refs - 1);
}

/*
 * Test how long a device lives. The test case succeeds if it stays while there
 * is a file of an object of its, and is released after the object.
 */
static void drm_gem_view_test_device_outlives(struct kunit *test)
{
	struct drm_gem_view_test *priv = test->priv;
	struct drm_gem_object *obj = drm_gem_view_test_kind_obj(test);
	struct file *view = drm_gem_view_test_kind_view(test, obj,
							DRM_GEM_VIEW_RDWR);
	loff_t pos = 0;
	u8 buf = 1;

	kunit_release_action(test, drm_gem_view_test_put, obj);
	kunit_release_action(test, drm_gem_view_test_fput, priv->file);
	drm_kunit_helper_free_device(test, priv->dev);
	KUNIT_EXPECT_EQ(test, atomic_read(&calls.releases), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&calls.frees), 0);
	KUNIT_EXPECT_EQ(test, kernel_write(view, &buf, 1, &pos), 1);

	kunit_release_action(test, drm_gem_view_test_fput, view);
	KUNIT_EXPECT_EQ(test, atomic_read(&calls.releases), 1);
	KUNIT_EXPECT_EQ(test, calls.frees_at_release, 1);
}

/*
 * Test a device that is unplugged. The test case succeeds if there are no new
 * views, DEVICE ones are not mapped any more, and BACKING ones still are.
 */
static void drm_gem_view_test_unplug(struct kunit *test)
{
	const struct drm_gem_view_test_kind *kind = test->param_value;
	struct drm_gem_view_test *priv = test->priv;
	struct drm_gem_object *obj = drm_gem_view_test_kind_obj(test);
	struct file *view = drm_gem_view_test_kind_view(test, obj,
							DRM_GEM_VIEW_RDWR);
	long addr;
	u8 got = 1;

	KUNIT_ASSERT_EQ(test, drm_dev_register(priv->drm, 0), 0);
	drm_dev_unplug(priv->drm);

	KUNIT_EXPECT_EQ(test, drm_gem_view_test_try_view(test, obj, kind->view),
			-ENODEV);
	addr = drm_gem_view_test_try_mmap(view, obj->size, PROT_READ, 0);
	if (kind->view == DRM_GEM_VIEW_DEVICE) {
		KUNIT_EXPECT_EQ(test, addr, -ENODEV);
		return;
	}
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	KUNIT_EXPECT_EQ(test, get_user(got, (u8 __user *)addr), 0);
	KUNIT_EXPECT_EQ(test, got, 0);
	vm_munmap(addr, obj->size);
}

static void drm_gem_view_test_obj_release(void *obj)
{
	drm_gem_object_release(obj);
	drm_gem_view_test_drain();
}

static bool drm_gem_view_test_is_hugetlb(struct drm_gem_object *obj)
{
	struct file *file = anon_object_file(obj->anon);
	bool ret = is_file_hugepages(file);

	__fput_sync(file);
	return ret;
}

static bool drm_gem_view_test_is_named(struct drm_gem_object *obj,
				       const char *name)
{
	struct file *file = anon_object_file(obj->anon);
	bool ret = !strcmp(file->f_path.dentry->d_name.name, name);

	__fput_sync(file);
	return ret;
}

static gfp_t drm_gem_view_test_gfp(struct drm_gem_object *obj)
{
	return mapping_gfp_mask(obj->anon->inode->i_mapping);
}

/* An object that is nothing but its memory */
static struct drm_gem_object *
drm_gem_view_test_init_attrs(struct kunit *test,
			     const struct anon_object_attrs *attrs)
{
	struct drm_gem_view_test *priv = test->priv;
	struct drm_gem_object *obj;

	obj = kunit_kzalloc(test, sizeof(*obj), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_ASSERT_EQ(test, drm_gem_object_init_attrs(priv->drm, obj,
							TEST_SIZE, attrs), 0);
	drm_gem_view_test_defer(test, drm_gem_view_test_obj_release, obj);
	KUNIT_ASSERT_NOT_NULL(test, obj->anon);
	KUNIT_EXPECT_EQ(test, obj->size, anon_object_size(obj->anon));
	KUNIT_EXPECT_EQ(test, obj->anon->flags,
			drm_gem_view_test_is_hugetlb(obj) ?
			0 : ANON_OBJECT_NORESERVE);
	return obj;
}

/*
 * Test objects with the defaults. The test case succeeds if they are on shmem,
 * with the usual name and GFP mask, and with large folios where they fit.
 */
static void drm_gem_view_test_attrs_default(struct kunit *test)
{
	const struct anon_object_attrs attrs = { .size = SZ_4M };
	struct drm_gem_object *obj = drm_gem_view_test_init_attrs(test, &attrs);
	gfp_t gfp = drm_gem_view_test_gfp(obj);

	KUNIT_EXPECT_EQ(test, obj->size, TEST_SIZE);
	KUNIT_EXPECT_FALSE(test, drm_gem_view_test_is_hugetlb(obj));
	KUNIT_EXPECT_TRUE(test, drm_gem_view_test_is_named(obj, "drm mm object"));
	KUNIT_EXPECT_TRUE(test, gfp == GFP_HIGHUSER_MOVABLE);
	if (IS_ENABLED(CONFIG_SHMEM))
		KUNIT_EXPECT_EQ(test, anon_object_huge(obj->anon),
				ANON_OBJECT_HUGE_WITHIN_SIZE);
}

/*
 * Test objects with other attributes. The test case succeeds if they have the
 * name, the huge policy and the GFP mask that are asked for.
 */
static void drm_gem_view_test_attrs(struct kunit *test)
{
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.huge = ANON_OBJECT_HUGE_NEVER,
		.gfp = GFP_HIGHUSER | __GFP_NOWARN,
	};
	struct drm_gem_object *obj = drm_gem_view_test_init_attrs(test, &attrs);
	gfp_t gfp = drm_gem_view_test_gfp(obj);

	KUNIT_EXPECT_TRUE(test, drm_gem_view_test_is_named(obj, "kunit"));
	KUNIT_EXPECT_EQ(test, anon_object_huge(obj->anon),
			ANON_OBJECT_HUGE_NEVER);
	KUNIT_EXPECT_TRUE(test, gfp == attrs.gfp);
}

/* Test that objects of the shmem helpers have their attributes, or are fixed. */
static void drm_gem_view_test_attrs_shmem(struct kunit *test)
{
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.gfp = GFP_HIGHUSER | __GFP_NOWARN,
	};
	struct drm_gem_object *obj = drm_gem_view_test_obj(test, false);
	gfp_t gfp = drm_gem_view_test_gfp(obj);

	/* Whether a pin may call the OOM killer does not matter to a fault */
	gfp &= ~(__GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	KUNIT_EXPECT_TRUE(test, gfp == GFP_HIGHUSER);
	KUNIT_EXPECT_TRUE(test, drm_gem_view_test_is_named(obj, "drm mm object"));

	calls.attrs = &attrs;
	obj = drm_gem_view_test_obj(test, false);
	gfp = drm_gem_view_test_gfp(obj);
	KUNIT_EXPECT_TRUE(test, gfp == attrs.gfp);
	KUNIT_EXPECT_TRUE(test, drm_gem_view_test_is_named(obj, "kunit"));
}

/*
 * Test objects on hugetlb. The test case succeeds if their size is rounded up
 * to whole huge pages, which are reserved, and all of it can be pinned.
 */
static void drm_gem_view_test_attrs_hugetlb(struct kunit *test)
{
	const struct anon_object_attrs attrs = drm_gem_view_test_hugetlb_attrs;
	struct drm_gem_view_test *priv = test->priv;
	size_t ram = (size_t)totalram_pages() << PAGE_SHIFT;
	struct anon_object_stat stat;
	struct drm_gem_object *obj;
	struct page **pages;

	drm_gem_view_test_need_pool(test);
	obj = drm_gem_view_test_init_attrs(test, &attrs);
	KUNIT_EXPECT_TRUE(test, drm_gem_view_test_is_hugetlb(obj));
	anon_object_get_stat(obj->anon, &stat);
	KUNIT_EXPECT_EQ(test, obj->size, stat.page_size);
	KUNIT_EXPECT_GT(test, obj->size, TEST_SIZE);

	pages = drm_gem_get_pages(obj);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, pages);
	anon_object_get_stat(obj->anon, &stat);
	KUNIT_EXPECT_EQ(test, stat.pinned, obj->size);
	KUNIT_EXPECT_PTR_EQ(test, page_folio(pages[0]),
			    page_folio(pages[(obj->size >> PAGE_SHIFT) - 1]));
	drm_gem_put_pages(obj, pages, true, true);
	anon_object_get_stat(obj->anon, &stat);
	KUNIT_EXPECT_EQ(test, stat.pinned, 0);

	/* More than any pool has */
	obj = kunit_kzalloc(test, sizeof(*obj), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_EXPECT_EQ(test, drm_gem_object_init_attrs(priv->drm, obj, ram,
							&attrs), -ENOMEM);
	drm_gem_private_object_fini(obj);
}

/* Test that bad attributes fail, and leave an object to be finalized. */
static void drm_gem_view_test_attrs_rejects(struct kunit *test)
{
	const struct anon_object_attrs attrs = {
		.huge = ANON_OBJECT_HUGE_ADVISE + 1,
	};
	struct drm_gem_view_test *priv = test->priv;
	struct drm_gem_object *obj;

	obj = kunit_kzalloc(test, sizeof(*obj), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, obj);
	KUNIT_EXPECT_EQ(test, drm_gem_object_init_attrs(priv->drm, obj,
							TEST_SIZE, &attrs),
			-EINVAL);
	KUNIT_EXPECT_NULL(test, obj->anon);
	drm_gem_private_object_fini(obj);
}

static ssize_t drm_gem_view_test_write_param(char *value)
{
	return drm_gem_view_test_sysfs("module/drm/parameters/gem_large_folios",
				       O_WRONLY, value, strlen(value));
}

static void drm_gem_view_test_restore_param(void *value)
{
	drm_gem_view_test_write_param(value);
}

/*
 * Test the gem_large_folios parameter. The test case succeeds if no policy is
 * chosen when it is off, and one that a driver has chosen is left alone.
 */
static void drm_gem_view_test_attrs_param(struct kunit *test)
{
	const struct anon_object_attrs none = {};
	const struct anon_object_attrs always = {
		.huge = ANON_OBJECT_HUGE_ALWAYS,
	};
	struct drm_gem_object *obj;

	if (!IS_ENABLED(CONFIG_SYSFS))
		kunit_skip(test, "no sysfs to set the parameter through");
	KUNIT_ASSERT_EQ(test, drm_gem_view_test_write_param("N"), 1);
	drm_gem_view_test_defer(test, drm_gem_view_test_restore_param, "Y");

	obj = drm_gem_view_test_init_attrs(test, &none);
	KUNIT_EXPECT_EQ(test, anon_object_huge(obj->anon),
			ANON_OBJECT_HUGE_SYSTEM);
	obj = drm_gem_view_test_init_attrs(test, &always);
	KUNIT_EXPECT_EQ(test, anon_object_huge(obj->anon),
			ANON_OBJECT_HUGE_ALWAYS);
}

static struct kunit_case drm_gem_view_test_cases[] = {
	KUNIT_CASE_PARAM(drm_gem_view_test_file,
			 drm_gem_view_test_kind_gen_params),
	KUNIT_CASE(drm_gem_view_test_fd),
	KUNIT_CASE_PARAM(drm_gem_view_test_rejects,
			 drm_gem_view_test_bad_gen_params),
	KUNIT_CASE(drm_gem_view_test_emfile),
	KUNIT_CASE(drm_gem_view_test_feature),
	KUNIT_CASE(drm_gem_view_test_wc),
	KUNIT_CASE(drm_gem_view_test_callback),
	KUNIT_CASE(drm_gem_view_test_imported),
	KUNIT_CASE(drm_gem_view_test_private),
	KUNIT_CASE(drm_gem_view_test_no_offset),
	KUNIT_CASE_PARAM(drm_gem_view_test_io,
			 drm_gem_view_test_kind_gen_params),
	KUNIT_CASE_PARAM(drm_gem_view_test_map,
			 drm_gem_view_test_kind_gen_params),
	KUNIT_CASE_PARAM(drm_gem_view_test_map_rejects,
			 drm_gem_view_test_kind_gen_params),
	KUNIT_CASE_PARAM(drm_gem_view_test_hooks,
			 drm_gem_view_test_kind_gen_params),
	KUNIT_CASE_PARAM(drm_gem_view_test_purge,
			 drm_gem_view_test_kind_gen_params),
	KUNIT_CASE_PARAM(drm_gem_view_test_table,
			 drm_gem_view_test_kind_gen_params),
	KUNIT_CASE_PARAM(drm_gem_view_test_outlives,
			 drm_gem_view_test_kind_gen_params),
	KUNIT_CASE_PARAM(drm_gem_view_test_device_outlives,
			 drm_gem_view_test_kind_gen_params),
	KUNIT_CASE_PARAM(drm_gem_view_test_unplug,
			 drm_gem_view_test_kind_gen_params),
	KUNIT_CASE(drm_gem_view_test_attrs_default),
	KUNIT_CASE(drm_gem_view_test_attrs),
	KUNIT_CASE(drm_gem_view_test_attrs_shmem),
	KUNIT_CASE(drm_gem_view_test_attrs_hugetlb),
	KUNIT_CASE(drm_gem_view_test_attrs_rejects),
	KUNIT_CASE(drm_gem_view_test_attrs_param),
	{}
};

static struct kunit_suite drm_gem_view_suite = {
	.name = "drm_gem_view",
	.init = drm_gem_view_test_init,
	.test_cases = drm_gem_view_test_cases,
};

kunit_test_suite(drm_gem_view_suite);

MODULE_DESCRIPTION("KUnit test suite for files of GEM objects");
MODULE_LICENSE("GPL");
