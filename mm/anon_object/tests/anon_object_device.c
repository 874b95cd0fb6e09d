// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/anon_object_test: objects and views for programs that test them.
 *
 * It is a driver as the API's users are, with hooks that count; nothing in it
 * knows how an object is made.
 */
#include <linux/anon_inodes.h>
#include <linux/anon_object.h>
#include <linux/atomic.h>
#include <linux/file.h>
#include <linux/highmem.h>
#include <linux/kref.h>
#include <linux/memcontrol.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "anon_object_device.h"
#include "stop.h"

/* Views may outlive the open of the device, so it is counted */
struct anon_test {
	struct kref ref;
	struct mutex lock;		/* protects obj and the pin */
	struct anon_object *obj;
	struct file *found;		/* what obj was adopted from, or NULL */
	struct anon_test_pin pin;	/* of no bytes if there is none */
	struct sg_table sgt;
	struct page **pages;
	struct anon_object_map map;
	bool purged;
	atomic64_t opens;
	atomic64_t closes;
	atomic64_t releases;
};

static int anon_test_unpin(struct anon_test *test)
{
	size_t nr_pages = test->pin.len >> PAGE_SHIFT;

	if (!nr_pages)
		return -EINVAL;
	switch (test->pin.kind) {
	case ANON_TEST_PIN_SGT:
		anon_object_unpin_sgt(test->obj, &test->sgt, ANON_OBJECT_DIRTY);
		break;
	case ANON_TEST_PIN_PAGES:
		anon_object_unpin_pages(test->obj, test->pages, nr_pages,
					ANON_OBJECT_DIRTY);
		kvfree(test->pages);
		break;
	case ANON_TEST_PIN_VMAP:
		anon_object_vunmap(test->obj, &test->map, ANON_OBJECT_DIRTY);
		break;
	}
	test->pin.len = 0;
	return 0;
}

static void anon_test_free(struct kref *ref)
{
	struct anon_test *test = container_of(ref, struct anon_test, ref);

	anon_test_unpin(test);
	anon_object_put(test->obj);
	if (test->found)
		fput(test->found);
	kfree(test);
}

static int anon_test_vm_open(struct vm_area_struct *vma, void *private)
{
	struct anon_test *test = private;

	atomic64_inc(&test->opens);
	return 0;
}

static void anon_test_vm_close(struct vm_area_struct *vma, void *private)
{
	struct anon_test *test = private;

	atomic64_inc(&test->closes);
}

static vm_fault_t anon_test_vm_fault(struct vm_fault *vmf, void *private)
{
	struct anon_test *test = private;

	return READ_ONCE(test->purged) ? VM_FAULT_SIGBUS : 0;
}

/* An aperture of a single page, wherever it is mapped */
static vm_fault_t anon_test_aperture_fault(struct vm_fault *vmf)
{
	return vmf_insert_pfn(vmf->vma, vmf->address,
			      page_to_pfn(ZERO_PAGE(0)));
}

static const struct vm_operations_struct anon_test_aperture_vm_ops = {
	.fault = anon_test_aperture_fault,
};

static int anon_test_aperture_mmap(struct vm_area_struct *vma, void *private)
{
	if (vma->vm_flags & VM_WRITE)
		return -EACCES;
	vm_flags_mod(vma, VM_PFNMAP | VM_DONTEXPAND, VM_MAYWRITE);
	vma->vm_ops = &anon_test_aperture_vm_ops;
	return 0;
}

static void anon_test_view_release(void *private)
{
	struct anon_test *test = private;

	atomic64_inc(&test->releases);
	kref_put(&test->ref, anon_test_free);
}

/* By ANON_TEST_HOOK_* */
static const struct anon_view_ops anon_test_view_ops[] = {
	{
		.owner = THIS_MODULE,
		.release = anon_test_view_release,
	}, {
		.open = anon_test_vm_open,
		.close = anon_test_vm_close,
		.owner = THIS_MODULE,
		.release = anon_test_view_release,
	}, {
		.fault = anon_test_vm_fault,
		.owner = THIS_MODULE,
		.release = anon_test_view_release,
	}, {
		.open = anon_test_vm_open,
		.close = anon_test_vm_close,
		.fault = anon_test_vm_fault,
		.owner = THIS_MODULE,
		.release = anon_test_view_release,
	}, {
		.mmap = anon_test_aperture_mmap,
		.owner = THIS_MODULE,
		.release = anon_test_view_release,
	},
};

static int anon_test_open(struct inode *inode, struct file *file)
{
	struct anon_test *test = kzalloc_obj(*test);

	if (!test)
		return -ENOMEM;
	kref_init(&test->ref);
	mutex_init(&test->lock);
	file->private_data = test;
	return 0;
}

/* Who has the one stop that there is */
static DEFINE_MUTEX(anon_test_stop_lock);
static struct anon_test *anon_test_stopper;

static void anon_test_stop_end(struct anon_test *test)
{
	if (anon_test_stopper != test)
		return;
	anon_stop_clear();
	anon_test_stopper = NULL;
}

static int anon_test_stop(struct anon_test *test, void __user *arg)
{
	static struct anon_test_stop stop;	/* the probe keeps the name */
	int err;

	guard(mutex)(&anon_test_stop_lock);
	anon_test_stop_end(test);
	if (anon_test_stopper)
		return -EBUSY;
	if (copy_from_user(&stop, arg, sizeof(stop)))
		return -EFAULT;
	stop.function[sizeof(stop.function) - 1] = '\0';
	err = anon_stop_set(stop.function, stop.tid, stop.after);
	if (!err)
		anon_test_stopper = test;
	return err;
}

/*
 * Nobody needs an object for this, nor the lock, which the thread that is
 * stopped may have taken.
 */
static int anon_test_stop_ioctl(struct anon_test *test, unsigned int cmd,
				void __user *arg)
{
	if (cmd == ANON_TEST_STOP)
		return anon_test_stop(test, arg);
	if (READ_ONCE(anon_test_stopper) != test)
		return -EINVAL;
	if (cmd == ANON_TEST_STOPPED)
		return anon_stop_reached() ? 0 : -EAGAIN;
	anon_stop_go();
	return 0;
}

static int anon_test_release(struct inode *inode, struct file *file)
{
	struct anon_test *test = file->private_data;

	scoped_guard(mutex, &anon_test_stop_lock)
		anon_test_stop_end(test);
	kref_put(&test->ref, anon_test_free);
	return 0;
}

static int anon_test_create(struct anon_test *test, void __user *arg)
{
	struct anon_object_attrs attrs = { .name = "anon-object-test" };
	struct anon_test_create create;
	struct anon_object *obj;

	if (copy_from_user(&create, arg, sizeof(create)))
		return -EFAULT;
	attrs.size = create.size;
	attrs.backend = create.backend;
	attrs.page_shift = create.page_shift;
	attrs.huge = create.huge;
	attrs.flags = create.flags;
	obj = anon_object_create(&attrs);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	test->obj = obj;
	return 0;
}

static int anon_test_adopt(struct anon_test *test, unsigned int fd)
{
	CLASS(fd, f)(fd);
	struct anon_object *obj;

	if (fd_empty(f))
		return -EBADF;
	obj = anon_object_from_file(fd_file(f));
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	test->obj = obj;
	test->found = get_file(fd_file(f));
	return 0;
}

static int anon_test_view(struct anon_test *test, struct file *device,
			  void __user *arg)
{
	struct anon_view_attrs attrs = {
		.private = test,
		.through = test->found,
	};
	struct anon_test_view view;
	struct file *file;
	int fd;

	if (copy_from_user(&view, arg, sizeof(view)))
		return -EFAULT;
	if (view.hooks >= ARRAY_SIZE(anon_test_view_ops))
		return -EINVAL;
	attrs.flags = view.flags;
	attrs.ops = &anon_test_view_ops[view.hooks];
	if (view.hooks == ANON_TEST_DEVICE_VIEW)
		attrs.mapping = device->f_mapping;

	file = anon_object_view(test->obj, &attrs);
	if (IS_ERR(file))
		return PTR_ERR(file);
	kref_get(&test->ref);
	fd = anon_view_fd(file, view.lowest, view.fd_flags);
	fput(file);
	return fd;
}

static int anon_test_pin_pages(struct anon_test *test,
			       const struct anon_test_pin *pin)
{
	int err;

	test->pages = kvmalloc_array(pin->len >> PAGE_SHIFT,
				     sizeof(*test->pages), GFP_KERNEL);
	if (!test->pages)
		return -ENOMEM;
	err = anon_object_pin_pages(test->obj, pin->pos, pin->len, test->pages);
	if (err)
		kvfree(test->pages);
	return err;
}

static int anon_test_pin(struct anon_test *test,
			 const struct anon_test_pin *pin)
{
	int err;

	if (test->pin.len)
		return -EBUSY;
	switch (pin->kind) {
	case ANON_TEST_PIN_SGT:
		err = anon_object_pin_sgt(test->obj, pin->pos, pin->len,
					  pin->max_segment, &test->sgt);
		break;
	case ANON_TEST_PIN_PAGES:
		err = anon_test_pin_pages(test, pin);
		break;
	case ANON_TEST_PIN_VMAP:
		err = anon_object_vmap(test->obj, pin->pos, pin->len,
				       PAGE_KERNEL, &test->map);
		break;
	default:
		return -EINVAL;
	}
	if (!err)
		test->pin = *pin;
	return err;
}

static int anon_test_pin_as(struct anon_test *test, void __user *arg)
{
	struct anon_test_pin pin;

	if (copy_from_user(&pin, arg, sizeof(pin)))
		return -EFAULT;
	return anon_test_pin(test, &pin);
}

static void anon_test_copy_pages(struct anon_test *test, size_t pos, u8 *buf,
				 size_t len, bool write)
{
	size_t done, part;

	for (done = 0; done < len; done += part) {
		struct page *page = test->pages[(pos + done) >> PAGE_SHIFT];
		size_t offset = offset_in_page(pos + done);

		part = min(len - done, PAGE_SIZE - offset);
		if (write)
			memcpy_to_page(page, offset, buf + done, part);
		else
			memcpy_from_page(buf + done, page, offset, part);
	}
}

/* What a device does with the memory */
static void anon_test_access(struct anon_test *test, size_t pos, u8 *buf,
			     size_t len, bool write)
{
	struct sg_table *sgt = &test->sgt;

	switch (test->pin.kind) {
	case ANON_TEST_PIN_SGT:
		sg_copy_buffer(sgt->sgl, sgt->orig_nents, buf, len, pos,
			       !write);
		break;
	case ANON_TEST_PIN_PAGES:
		anon_test_copy_pages(test, pos, buf, len, write);
		break;
	case ANON_TEST_PIN_VMAP:
		if (write)
			memcpy(test->map.vaddr + pos, buf, len);
		else
			memcpy(buf, test->map.vaddr + pos, len);
		break;
	}
}

static int anon_test_copy(struct anon_test *test, void __user *arg, bool write)
{
	u8 *buf __free(kfree) = NULL;
	struct anon_test_copy copy;

	if (copy_from_user(&copy, arg, sizeof(copy)))
		return -EFAULT;
	if (copy.len > SZ_64K || copy.pos > test->pin.len ||
	    copy.len > test->pin.len - copy.pos)
		return -EINVAL;
	buf = kmalloc(copy.len, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	if (write && copy_from_user(buf, u64_to_user_ptr(copy.buf), copy.len))
		return -EFAULT;
	anon_test_access(test, copy.pos, buf, copy.len, write);
	if (!write && copy_to_user(u64_to_user_ptr(copy.buf), buf, copy.len))
		return -EFAULT;
	return 0;
}

static int anon_test_copy_folio(struct folio *folio, u64 buf)
{
	unsigned long left;
	long i;

	for (i = 0; i < folio_nr_pages(folio); i++) {
		void *to = kmap_local_folio(folio, i * PAGE_SIZE);

		left = copy_from_user(to, u64_to_user_ptr(buf) + i * PAGE_SIZE,
				      PAGE_SIZE);
		kunmap_local(to);
		if (left)
			return -EFAULT;
	}
	return 0;
}

/* -EUCLEAN: what has not been taken is not as it was */
static int anon_test_insert(struct anon_test *test, void __user *arg)
{
	const gfp_t gfp = GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN;
	struct anon_test_insert insert;
	struct folio *folio;
	int err;

	if (copy_from_user(&insert, arg, sizeof(insert)))
		return -EFAULT;
	if (insert.order > MAX_PAGE_ORDER)
		return -EINVAL;
	folio = folio_alloc(GFP_HIGHUSER, insert.order);
	if (!folio)
		return -ENOBUFS;
	err = anon_test_copy_folio(folio, insert.buf);
	if (!err)
		err = anon_object_insert(test->obj, insert.pos, folio, gfp);
	if (!err)
		return 0;
	if (folio_memcg_charged(folio) || folio->mapping ||
	    folio_ref_count(folio) != 1)
		err = -EUCLEAN;
	folio_put(folio);
	return err;
}

static int anon_test_resize(struct anon_test *test, u64 __user *arg)
{
	u64 size;

	if (get_user(size, arg))
		return -EFAULT;
	return anon_object_resize(test->obj, size);
}

static int anon_test_purge(struct anon_test *test)
{
	WRITE_ONCE(test->purged, true);
	return anon_object_truncate_range(test->obj, 0,
					  anon_object_size(test->obj));
}

static int anon_test_stat(struct anon_test *test, void __user *arg)
{
	struct anon_object_stat stat;
	struct anon_test_stat answer;

	anon_object_get_stat(test->obj, &stat);
	answer.resident = stat.resident;
	answer.swapped = stat.swapped;
	answer.pinned = stat.pinned;
	answer.page_size = stat.page_size;
	answer.opens = atomic64_read(&test->opens);
	answer.closes = atomic64_read(&test->closes);
	answer.releases = atomic64_read(&test->releases);
	return copy_to_user(arg, &answer, sizeof(answer)) ? -EFAULT : 0;
}

static long anon_test_range_ioctl(struct anon_test *test, unsigned int cmd,
				  void __user *arg)
{
	struct anon_test_range range;

	if (copy_from_user(&range, arg, sizeof(range)))
		return -EFAULT;
	switch (cmd) {
	case ANON_TEST_PIN:
		return anon_test_pin(test, &(struct anon_test_pin) {
			.pos = range.pos,
			.len = range.len,
			.max_segment = UINT_MAX,
		});
	case ANON_TEST_SWAP_OUT:
		return anon_object_swap_out(test->obj, range.pos, range.len);
	case ANON_TEST_PREFETCH:
		return anon_object_prefetch(test->obj, range.pos, range.len);
	case ANON_TEST_PUNCH:
		return anon_object_punch(test->obj, range.pos, range.len);
	default:
		return anon_object_truncate_range(test->obj, range.pos,
						  range.len);
	}
}

static long anon_test_ioctl(struct file *file, unsigned int cmd,
			    unsigned long arg)
{
	struct anon_test *test = file->private_data;
	void __user *argp = (void __user *)arg;

	if (cmd == ANON_TEST_STOP || cmd == ANON_TEST_STOPPED ||
	    cmd == ANON_TEST_GO)
		return anon_test_stop_ioctl(test, cmd, argp);

	guard(mutex)(&test->lock);

	/* There is an object from the first two on, and only then */
	if (!test->obj != (cmd == ANON_TEST_CREATE || cmd == ANON_TEST_ADOPT))
		return -EINVAL;

	switch (cmd) {
	case ANON_TEST_CREATE:
		return anon_test_create(test, argp);
	case ANON_TEST_ADOPT:
		return anon_test_adopt(test, arg);
	case ANON_TEST_VIEW:
		return anon_test_view(test, file, argp);
	case ANON_TEST_PIN_AS:
		return anon_test_pin_as(test, argp);
	case ANON_TEST_READ_PIN:
		return anon_test_copy(test, argp, false);
	case ANON_TEST_WRITE_PIN:
		return anon_test_copy(test, argp, true);
	case ANON_TEST_INSERT:
		return anon_test_insert(test, argp);
	case ANON_TEST_RESIZE:
		return anon_test_resize(test, argp);
	case ANON_TEST_PIN:
	case ANON_TEST_SWAP_OUT:
	case ANON_TEST_PREFETCH:
	case ANON_TEST_TRUNCATE:
	case ANON_TEST_PUNCH:
		return anon_test_range_ioctl(test, cmd, argp);
	case ANON_TEST_UNPIN:
		return anon_test_unpin(test);
	case ANON_TEST_PURGE:
		return anon_test_purge(test);
	case ANON_TEST_EMPTY:
		return anon_object_purge(test->obj);
	case ANON_TEST_STAT:
		return anon_test_stat(test, argp);
	}
	return -ENOTTY;
}

static const struct file_operations anon_test_fops = {
	.owner		= THIS_MODULE,
	.open		= anon_test_open,
	.release	= anon_test_release,
	.unlocked_ioctl	= anon_test_ioctl,
};

static struct miscdevice anon_test_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "anon_object_test",
	.fops	= &anon_test_fops,
	.mode	= 0600,
};
module_misc_device(anon_test_device);

#ifndef MODULE
/* What asking for shmem and for hugetlb in the first initcalls gives */
static int early[2];
module_param_array(early, int, NULL, 0444);

static int __init anon_test_try(enum anon_object_backend backend)
{
	struct anon_object_attrs attrs = {
		.name = "anon-object-early",
		.size = PAGE_SIZE,
		.backend = backend,
	};
	struct anon_object *obj = anon_object_create(&attrs);

	if (IS_ERR(obj))
		return PTR_ERR(obj);
	anon_object_put(obj);
	return 0;
}

static int __init anon_test_early(void)
{
	early[0] = anon_test_try(ANON_OBJECT_SHMEM);
	early[1] = anon_test_try(ANON_OBJECT_HUGETLB);
	return 0;
}
early_initcall(anon_test_early);
#endif /* MODULE */

MODULE_DESCRIPTION("Anonymous objects and views, for test programs");
MODULE_LICENSE("GPL");
