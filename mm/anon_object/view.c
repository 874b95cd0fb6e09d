// SPDX-License-Identifier: GPL-2.0
/*
 * Views: regular files over an object, with the owner's hooks.
 *
 * As in guest_memfd, the inode is the storage and a file is one user's view of
 * it, with operations of its own.  It has the object's inode, and shows up in
 * /proc/<pid>/maps just as the object does.  It holds a reference to the object.
 */
#include <linux/fs.h>
#include <linux/fadvise.h>
#include <linux/falloc.h>
#include <linux/file.h>
#include <linux/hugetlb.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/uio.h>
#include <linux/userfaultfd_k.h>

#include "internal.h"

/**
 * DOC: views
 *
 * There are two kinds.  A *backing* view is of the memory itself: reading and
 * writing it, mapping it, punching holes into it do what they do to the
 * backing file, and the owner's hooks see each mapping come and go.  A
 * *device* view is what a driver's own mmap gives, an aperture for instance:
 * its mappings belong to the driver's address space, where the driver can
 * revoke them, at the fake offset that it has there.  Reads and writes of it
 * take the same way if the driver has hooks for that, which it needs where that
 * is not coherent with the memory; else they are of the memory itself.
 *
 * posix_fadvise() on a backing view reads it back from swap and, for those who
 * may write to it, swaps it out: POSIX_FADV_WILLNEED is anon_object_prefetch(),
 * POSIX_FADV_DONTNEED is anon_object_swap_out().
 *
 * A view never reaches beyond the size of its object, and it has no more
 * rights than it was made with: once user space has been given one of an
 * object that the kernel made, opening it again through /proc fails.
 *
 * Nothing notes when a view has been read or mapped last: its st_atime stays.
 */

struct anon_view {
	struct anon_object *obj;
	const struct anon_view_ops *ops;
	void *private;
	unsigned long pgoff;
};

static struct anon_view *vma_view(struct vm_area_struct *vma)
{
	return vma->vm_file->private_data;
}

static const struct vm_operations_struct *
anon_view_base(const struct anon_view *view)
{
	return view->obj->backend->vm_ops;
}

static void anon_view_vm_open(struct vm_area_struct *vma)
{
	struct anon_view *view = vma_view(vma);

	if (anon_view_base(view)->open)
		anon_view_base(view)->open(vma);
	WARN_ON_ONCE(view->ops->open(vma, view->private));
}

static void anon_view_vm_close(struct vm_area_struct *vma)
{
	struct anon_view *view = vma_view(vma);

	if (anon_view_base(view)->close)
		anon_view_base(view)->close(vma);
	view->ops->close(vma, view->private);
}

static vm_fault_t anon_view_vm_fault(struct vm_fault *vmf)
{
	struct anon_view *view = vma_view(vmf->vma);
	vm_fault_t ret;

	ret = view->ops->fault(vmf, view->private);
	return ret ?: anon_view_base(view)->fault(vmf);
}

#ifdef CONFIG_SHMEM
/* What is mapped for reading can be written to as well, and nobody is told */
static bool anon_view_writes_unnoticed(struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_SHARED && !userfaultfd_armed(vma) &&
	       pte_write(pfn_pte(0, vma->vm_page_prot));
}

/*
 * A write to what is in memory, but not mapped yet: as for a read, map what is
 * around it too. These are clean, so that what is never written to may be
 * dropped when it is in swap still.
 */
static vm_fault_t anon_view_map_around(struct vm_fault *vmf)
{
	const unsigned long around = max_t(unsigned long, SZ_64K, PAGE_SIZE);
	struct vm_area_struct *vma = vmf->vma;
	unsigned long start = ALIGN_DOWN(vmf->address, around);
	unsigned long end = min(start + around, vma->vm_end) - PAGE_SIZE;
	vm_fault_t ret;

	start = max(start, vma->vm_start);
	vmf->flags &= ~FAULT_FLAG_WRITE;
	ret = vma->vm_ops->map_pages(vmf, linear_page_index(vma, start),
				     linear_page_index(vma, end));
	vmf->flags |= FAULT_FLAG_WRITE;
	return ret;
}

static vm_fault_t anon_view_shmem_fault(struct vm_fault *vmf)
{
	struct address_space *mapping = vmf->vma->vm_file->f_mapping;
	vm_fault_t ret = 0;
	void *entry;

	if (vmf->flags & FAULT_FLAG_WRITE &&
	    anon_view_writes_unnoticed(vmf->vma)) {
		entry = xa_load(&mapping->i_pages, vmf->pgoff);
		if (entry && !xa_is_value(entry))
			ret = anon_view_map_around(vmf);
	}
	return ret ?: anon_shmem_backend.vm_ops->fault(vmf);
}
#endif

#define ANON_VIEW_VMA_HOOKS	BIT(0)	/* open and close */
#define ANON_VIEW_FAULT_HOOK	BIT(1)

/*
 * The vm_ops of shmem and of hugetlb, with the hooks put in, by the hooks that
 * there are. They are as constant as those that they are made from.
 */
static struct vm_operations_struct anon_view_vm_ops[2][4] __ro_after_init;

/*
 * Take the backend's vm_ops over whole: what is not hooked has to stay as it
 * is, for the mere presence of an operation means something to mm.
 */
static void __init anon_view_init_vm_ops(struct vm_operations_struct *vm_ops,
					 const struct anon_backend *backend,
					 unsigned int hooks)
{
	if (!backend->vm_ops)
		return;
	*vm_ops = *backend->vm_ops;
	if (hooks & ANON_VIEW_VMA_HOOKS) {
		vm_ops->open = anon_view_vm_open;
		vm_ops->close = anon_view_vm_close;
#ifdef CONFIG_SHMEM
		if (backend == &anon_shmem_backend)
			vm_ops->fault = anon_view_shmem_fault;
#endif
	}
	if (hooks & ANON_VIEW_FAULT_HOOK) {
		vm_ops->fault = anon_view_vm_fault;
		/* These would map what the hook has not been asked about */
		vm_ops->map_pages = NULL;
#ifdef CONFIG_USERFAULTFD
		vm_ops->uffd_ops = NULL;
#endif
	}
}

static int __init anon_view_init(void)
{
	unsigned int hooks;

	for (hooks = 0; hooks < ARRAY_SIZE(anon_view_vm_ops[0]); hooks++) {
		anon_view_init_vm_ops(&anon_view_vm_ops[0][hooks],
				      &anon_shmem_backend, hooks);
		anon_view_init_vm_ops(&anon_view_vm_ops[1][hooks],
				      &anon_hugetlb_backend, hooks);
	}
	return 0;
}
pure_initcall(anon_view_init);	/* there is no user space yet */

static void anon_view_set_vm_ops(struct anon_view *view,
				 struct vm_area_struct *vma)
{
	bool hugetlb = view->obj->backend == &anon_hugetlb_backend;
	unsigned int hooks = 0;

	if (!view->ops)
		return;
	if (view->ops->open)
		hooks |= ANON_VIEW_VMA_HOOKS;
	if (view->ops->fault)
		hooks |= ANON_VIEW_FAULT_HOOK;
	if (hooks)
		vma->vm_ops = &anon_view_vm_ops[hugetlb][hooks];
}

static bool anon_view_vma_fits(struct anon_view *view,
			       struct vm_area_struct *vma)
{
	u64 size = anon_object_size(view->obj);
	unsigned long pages = PAGE_ALIGN(size) >> PAGE_SHIFT;

	return vma->vm_pgoff <= pages &&
	       vma_pages(vma) <= pages - vma->vm_pgoff;
}

/* What vfs_mmap() does for a file of the backing file system's own */
static int anon_view_mmap_backing(struct file *file, struct vm_area_struct *vma)
{
	const struct file_operations *fops = file_inode(file)->i_fop;
	struct vm_area_desc desc;
	int err;

	if (!fops->mmap_prepare)
		return fops->mmap(file, vma);

	compat_set_desc_from_vma(&desc, file, vma);
	err = fops->mmap_prepare(&desc);
	if (err)
		return err;
	desc.action.hide_from_rmap_until_complete = false;
	return __compat_vma_mmap(&desc, vma);
}

static int anon_view_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct anon_view *view = file->private_data;
	const struct anon_view_ops *ops = view->ops;
	int err;

	if (!anon_view_vma_fits(view, vma))
		return -EINVAL;

	if (ops && ops->open) {
		err = ops->open(vma, view->private);
		if (err)
			return err;
	}
	err = anon_view_mmap_backing(file, vma);
	if (err) {
		if (ops && ops->close)
			ops->close(vma, view->private);
		return err;
	}
	anon_view_set_vm_ops(view, vma);
	/* Collapsing would map what the hook has not been asked about */
	if (ops && ops->fault)
		vm_flags_set(vma, VM_DONTEXPAND);
	return 0;
}

static int anon_view_device_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct anon_view *view = file->private_data;

	if (!anon_view_vma_fits(view, vma))
		return -EINVAL;
	vma->vm_pgoff += view->pgoff;
	return view->ops->mmap(vma, view->private);
}

static unsigned long
anon_view_get_unmapped_area(struct file *file, unsigned long addr,
			    unsigned long len, unsigned long pgoff,
			    unsigned long flags)
{
	return file_inode(file)->i_fop->get_unmapped_area(file, addr, len,
							  pgoff, flags);
}

/**
 * anon_object_get_unmapped_area - find where a driver can map an object
 * @obj: the object, which is no pages object
 * @addr: user space's hint, in bytes
 * @len: bytes to be mapped, any number of pages
 * @pgoff: where in the object, in pages
 * @flags: MAP_*
 *
 * For &file_operations.get_unmapped_area of files that map the object in a way
 * of their own: it finds an address at which large folios can be mapped by
 * large entries, but does not insist on it as hugetlb does for its own files.
 *
 * Context: Called with the mmap_lock held for writing.
 * Return: The address, or -ENOMEM, -EINVAL.
 */
unsigned long anon_object_get_unmapped_area(struct anon_object *obj,
					    unsigned long addr,
					    unsigned long len,
					    unsigned long pgoff,
					    unsigned long flags)
{
	struct file *file = anon_object_base(obj);

	if (IS_ERR(file))
		return -ENOMEM;
#ifdef CONFIG_HUGETLBFS
	if (is_file_hugepages(file))
		return mm_get_unmapped_area(file, addr,
					    round_up(len, i_blocksize(obj->inode)),
					    pgoff, flags);
#endif
	return file->f_op->get_unmapped_area(file, addr, len, pgoff, flags);
}
EXPORT_SYMBOL_GPL(anon_object_get_unmapped_area);

static unsigned long
anon_view_device_get_unmapped_area(struct file *file, unsigned long addr,
				   unsigned long len, unsigned long pgoff,
				   unsigned long flags)
{
	struct anon_view *view = file->private_data;

	return anon_object_get_unmapped_area(view->obj, addr, len, pgoff,
					     flags);
}

/* A device view's mapping is not the object's, but its size is */
static loff_t anon_view_llseek(struct file *file, loff_t offset, int whence)
{
	struct anon_view *view = file->private_data;

	return generic_file_llseek_size(file, offset, whence, MAX_LFS_FILESIZE,
					anon_object_size(view->obj));
}

/* By way of a page in between, for either side may be anything */
static ssize_t anon_view_copy_map(struct iosys_map *map, loff_t pos,
				  struct iov_iter *iter, size_t len)
{
	void *buf = (void *)__get_free_page(GFP_KERNEL);
	size_t done = 0, part, copied;

	if (!buf)
		return -ENOMEM;
	while (done < len) {
		part = min(len - done, PAGE_SIZE);
		if (iov_iter_rw(iter) == READ) {
			iosys_map_memcpy_from(buf, map, pos + done, part);
			copied = copy_to_iter(buf, part, iter);
		} else {
			copied = copy_from_iter(buf, part, iter);
			iosys_map_memcpy_to(map, pos + done, buf, copied);
		}
		done += copied;
		if (copied < part)
			break;
		cond_resched();
	}
	free_page((unsigned long)buf);
	return done || !len ? done : -EFAULT;
}

/* Read or write through the driver's mapping */
static ssize_t anon_view_rw_map(struct anon_view *view, loff_t pos,
				struct iov_iter *iter)
{
	loff_t end = anon_object_size(view->obj);
	struct iosys_map map;
	ssize_t ret;

	if (pos >= end)
		return iov_iter_rw(iter) == READ || !iov_iter_count(iter) ?
		       0 : -ENOSPC;
	ret = view->ops->vmap(view->private, &map);
	if (ret)
		return ret;
	ret = anon_view_copy_map(&map, pos, iter,
				 min_t(loff_t, iov_iter_count(iter), end - pos));
	view->ops->vunmap(view->private, &map);
	return ret;
}

static ssize_t anon_view_rw(struct anon_view *view, loff_t pos,
			    struct iov_iter *iter)
{
	if (view->ops && view->ops->vmap)
		return anon_view_rw_map(view, pos, iter);
	if (iov_iter_rw(iter) == READ)
		return anon_object_read_iter(view->obj, pos, iter);
	return anon_object_write_iter(view->obj, pos, iter);
}

static ssize_t anon_view_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct anon_view *view = iocb->ki_filp->private_data;
	ssize_t ret;

	ret = anon_view_rw(view, iocb->ki_pos, to);
	if (ret > 0)
		iocb->ki_pos += ret;
	return ret;
}

static ssize_t anon_view_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct anon_view *view = iocb->ki_filp->private_data;
	ssize_t ret;

	if (iocb->ki_flags & IOCB_APPEND)
		iocb->ki_pos = anon_object_size(view->obj);
	ret = anon_view_rw(view, iocb->ki_pos, from);
	if (ret > 0)
		iocb->ki_pos += ret;
	return ret;
}

static int anon_view_fsync(struct file *file, loff_t start, loff_t end,
			   int datasync)
{
	const struct file_operations *fops = file_inode(file)->i_fop;

	if (!fops->fsync)
		return -EINVAL;
	return fops->fsync(file, start, end, datasync);
}

static long anon_view_fallocate(struct file *file, int mode, loff_t offset,
				loff_t len)
{
	struct anon_view *view = file->private_data;
	struct file *base;

	if (!file_inode(file)->i_fop->fallocate)
		return -EOPNOTSUPP;
	if (mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE))
		return anon_object_punch_hole(view->obj, file, offset, len);
	if (anon_object_dead(view->obj))
		return -EPERM;
	/* hugetlb goes by f_mapping, which in a device view is the driver's */
	base = anon_object_base(view->obj);
	return IS_ERR(base) ? -ENOMEM :
			      base->f_op->fallocate(base, mode, offset, len);
}

/*
 * generic_fadvise() leaves file systems without a device alone, for whom there
 * is nothing to read from and nothing to write to; here there is swap. As it
 * does, read what is touched by the range, and write what is all within it.
 * What cannot be done is no error, for this is advice.
 */
static void anon_view_advise(struct anon_object *obj, loff_t offset,
			     loff_t len, int advice)
{
	/* The last page of all ends where no loff_t does */
	const u64 limit = round_down(LLONG_MAX, PAGE_SIZE);
	loff_t size = anon_object_size(obj);
	u64 end = offset + len;

	if (offset >= size)
		return;
	/* A length of 0 is as much as there is */
	if (!len || len >= size - offset)
		end = PAGE_ALIGN((u64)size);
	end = min(end, limit);

	if (advice == POSIX_FADV_WILLNEED) {
		offset = round_down(offset, PAGE_SIZE);
		end = round_up(end, PAGE_SIZE);
		anon_object_prefetch(obj, offset, end - offset);
		return;
	}
	offset = round_up(offset, PAGE_SIZE);
	end = round_down(end, PAGE_SIZE);
	if ((u64)offset >= end)
		return;
	/* Other CPUs may have folios of it in their batches */
	lru_add_drain_all();
	anon_object_swap_out(obj, offset, end - offset);
}

static int anon_view_fadvise(struct file *file, loff_t offset, loff_t len,
			     int advice)
{
	struct anon_view *view = file->private_data;

	if (advice != POSIX_FADV_WILLNEED && advice != POSIX_FADV_DONTNEED)
		return generic_fadvise(file, offset, len, advice);
	if (offset < 0 || len < 0)
		return -EINVAL;
	/* It costs all who use the memory */
	if (advice == POSIX_FADV_DONTNEED && !(file->f_mode & FMODE_WRITE))
		return -EPERM;
	anon_view_advise(view->obj, offset, len, advice);
	return 0;
}

static int anon_view_release(struct inode *inode, struct file *file)
{
	struct anon_view *view = file->private_data;

	if (view->ops && view->ops->release)
		view->ops->release(view->private);
	if (view->ops)
		module_put(view->ops->owner);
	anon_object_put(view->obj);
	kfree(view);
	return 0;
}

#define ANON_VIEW_OPERATIONS					\
	.mmap			= anon_view_mmap,		\
	.get_unmapped_area	= anon_view_get_unmapped_area,	\
	.llseek			= anon_view_llseek,		\
	.read_iter		= anon_view_read_iter,		\
	.write_iter		= anon_view_write_iter,		\
	.splice_read		= copy_splice_read,		\
	.splice_write		= iter_file_splice_write,	\
	.fsync			= anon_view_fsync,		\
	.fallocate		= anon_view_fallocate,		\
	.fadvise		= anon_view_fadvise,		\
	.release		= anon_view_release,		\
	.show_fdinfo		= anon_object_show_fdinfo

static const struct file_operations anon_view_fops = {
	ANON_VIEW_OPERATIONS,
};

static const struct file_operations anon_view_huge_fops = {
	ANON_VIEW_OPERATIONS,
	.fop_flags		= FOP_HUGE_PAGES,
};

static const struct file_operations anon_view_device_fops = {
	.mmap			= anon_view_device_mmap,
	.get_unmapped_area	= anon_view_device_get_unmapped_area,
	.llseek			= anon_view_llseek,
	.read_iter		= anon_view_read_iter,
	.write_iter		= anon_view_write_iter,
	.splice_read		= copy_splice_read,
	.splice_write		= iter_file_splice_write,
	.fsync			= anon_view_fsync,
	.fallocate		= anon_view_fallocate,
	.release		= anon_view_release,
	.show_fdinfo		= anon_object_show_fdinfo,
};

static const struct file_operations *
anon_view_fops_for(const struct anon_object *obj,
		   const struct anon_view_attrs *attrs)
{
	if (attrs->mapping)
		return &anon_view_device_fops;
	if (obj->backend == &anon_hugetlb_backend)
		return &anon_view_huge_fops;
	return &anon_view_fops;
}

/*
 * Most objects have one view at most, which needs no other file beside it. What
 * is viewed again and again has one that the views are clones of: they share its
 * dentry.
 */
static struct file *anon_view_file(struct anon_object *obj, int flags,
				   const struct file_operations *fops)
{
	struct file *base, *file;

	if (READ_ONCE(obj->file) || READ_ONCE(obj->shared)) {
		base = anon_object_base(obj);
		return IS_ERR(base) ? base :
				      alloc_file_clone(base, flags, fops);
	}
	WRITE_ONCE(obj->shared, true);
	file = anon_object_make_file(obj, flags, fops);
	if (!IS_ERR(file))
		/* Who watches it is told, as of a clone */
		file_set_fsnotify_mode(file, FMODE_NONOTIFY_PERM);
	return file;
}

static int anon_view_check_attrs(struct anon_object *obj,
				 const struct anon_view_attrs *attrs)
{
	const struct anon_view_ops *ops = attrs->ops;

	if (attrs->flags & ~O_ACCMODE || attrs->flags == O_ACCMODE)
		return -EINVAL;
	if (ops && !ops->vmap != !ops->vunmap)
		return -EINVAL;
	if (attrs->mapping && !(ops && ops->mmap))
		return -EINVAL;
	if (attrs->mapping)
		return obj->inode ? 0 : -EOPNOTSUPP;
	if (attrs->pgoff || (ops && (ops->mmap || ops->vmap)))
		return -EINVAL;
	if (ops && !ops->open != !ops->close)
		return -EINVAL;
	if (!obj->inode)
		return -EOPNOTSUPP;
	/* hugetlb faults do not come through vm_ops */
	if (ops && ops->fault && obj->backend == &anon_hugetlb_backend)
		return -EOPNOTSUPP;
	return 0;
}

/* Finding an object by a file must not be a way to what that file denies */
static int anon_view_check_rights(const struct anon_object *obj,
				  const struct anon_view_attrs *attrs)
{
	if (!attrs->through)
		return obj->found ? -EACCES : 0;
	if (file_inode(attrs->through) != obj->inode)
		return -EINVAL;
	if (OPEN_FMODE(attrs->flags) & ~attrs->through->f_mode)
		return -EACCES;
	return 0;
}

/**
 * anon_object_view - make a view of an object
 * @obj: the object
 * @attrs: what it is to be like; not needed once this has returned
 *
 * Context: May sleep, allocates with GFP_KERNEL.
 * Return: The view, with a reference that fput() gives back, or an ERR_PTR():
 *
 * * -EINVAL: unknown flags, open without close or vmap without vunmap or the
 *   reverse, a device view without mmap or a backing view with it, with vmap or
 *   with &anon_view_attrs.pgoff; &anon_view_attrs.through is a file of
 *   something else
 * * -EACCES: that file lacks the rights that the view is to have, or it is not
 *   named, while all who had created the object have put it
 * * -EOPNOTSUPP: a fault hook on hugetlb; a pages object
 * * -ENODEV: the owner of the hooks is being unloaded
 * * -ENOMEM, -ENFILE: no memory, too many files
 *
 * On error &anon_view_ops.release is not called.
 */
struct file *anon_object_view(struct anon_object *obj,
			      const struct anon_view_attrs *attrs)
{
	struct anon_view *view;
	struct file *file;
	int err;

	err = anon_view_check_attrs(obj, attrs);
	if (err)
		return ERR_PTR(err);
	err = anon_view_check_rights(obj, attrs);
	if (err)
		return ERR_PTR(err);

	if (attrs->ops && !try_module_get(attrs->ops->owner))
		return ERR_PTR(-ENODEV);

	err = -ENOMEM;
	view = kmalloc_obj(*view);
	if (!view)
		goto err_module;
	view->ops = attrs->ops;
	view->private = attrs->private;
	view->pgoff = attrs->pgoff;

	file = anon_view_file(obj, attrs->flags,
			      anon_view_fops_for(obj, attrs));
	err = PTR_ERR_OR_ZERO(file);
	if (err)
		goto err_view;
	/* This is what keeps the file */
	view->obj = anon_object_get(obj);
	file->private_data = view;
	file->f_mode |= FMODE_PREAD | FMODE_PWRITE | FMODE_ATOMIC_POS;
	if (attrs->mapping)
		file->f_mapping = attrs->mapping;
	return file;

err_view:
	kfree(view);
err_module:
	if (attrs->ops)
		module_put(attrs->ops->owner);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_GPL(anon_object_view);

/**
 * anon_view_object - the object of a view
 * @file: the view
 *
 * Context: Any.
 * Return: The object, which the view keeps.
 */
struct anon_object *anon_view_object(struct file *file)
{
	struct anon_view *view = file->private_data;

	return view->obj;
}
EXPORT_SYMBOL_GPL(anon_view_object);

/**
 * anon_view_private - the owner's data of a view
 * @file: any file, or NULL
 * @ops: the hooks that the view was made with, which are not NULL
 *
 * Context: Any.
 * Return: &anon_view_attrs.private, or NULL if @file is not such a view.
 */
void *anon_view_private(struct file *file, const struct anon_view_ops *ops)
{
	struct anon_view *view;

	if (!file || file->f_op->release != anon_view_release)
		return NULL;
	view = file->private_data;
	return ops && view->ops == ops ? view->private : NULL;
}
EXPORT_SYMBOL_GPL(anon_view_private);

/**
 * anon_view_allows - is this among the rights that a file gives?
 * @file: any file
 * @mode: FMODE_READ, FMODE_WRITE
 *
 * For those who pin a file's memory and then give it to whom they like, with no
 * regard to how the file is open: memfd_pin_folios() is for memfds, whose
 * seals say what may be done with them. A view's rights are those that it is
 * open for.
 *
 * Context: Any.
 * Return: Whether @file has all of these, or is not a view.
 */
bool anon_view_allows(const struct file *file, fmode_t mode)
{
	return file->f_op->release != anon_view_release ||
	       !(mode & ~file->f_mode);
}
EXPORT_SYMBOL_GPL(anon_view_allows);

/**
 * anon_view_fd - give a view to user space
 * @file: the view; the caller keeps its reference
 * @lowest: the lowest number that the file descriptor may have
 * @flags: O_CLOEXEC, or 0
 *
 * Context: May sleep, allocates with GFP_KERNEL.
 * Return: The file descriptor, in the table of the current process, or
 *
 * * -EINVAL: @file is not a view, unknown flags, or @lowest is above the limit
 *   for file descriptors
 * * -EMFILE: no number is free
 * * -ENOMEM: no memory
 */
int anon_view_fd(struct file *file, unsigned int lowest, int flags)
{
	struct anon_view *view;

	if (file->f_op->release != anon_view_release || flags & ~O_CLOEXEC)
		return -EINVAL;

	view = file->private_data;
	if (view->obj->owned)
		WRITE_ONCE(view->obj->viewed, true);
	return f_dupfd(lowest, file, flags);
}
EXPORT_SYMBOL_GPL(anon_view_fd);
