// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/anon_objects, and the same for one object in fdinfo.
 *
 * There is no list of objects: they are the unlinked inodes of the kernel's own
 * mounts of the backing file systems, so their superblocks have it already.  Of
 * those that have no inode, the totals are told.
 */
#include <linux/cgroup.h>
#include <linux/debugfs.h>
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/timekeeping.h>
#include <linux/uidgid.h>

#include "internal.h"

#ifdef CONFIG_DEBUG_FS
static u32 anon_object_age(const struct anon_object *obj)
{
	return (u32)ktime_get_boottime_seconds() - obj->born;
}
#endif

#ifdef CONFIG_PROC_FS
/* Of any file that there can be of an object */
void anon_object_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct anon_object *obj = anon_object_from_inode(file_inode(file));
	struct anon_object_stat stat;

	if (!obj)
		return;
	anon_object_get_stat(obj, &stat);
	seq_printf(m, "backend:\t%s\n", obj->backend->name);
	seq_printf(m, "page_size:\t%llu\n", stat.page_size);
	seq_printf(m, "size:\t%lld\n", anon_object_size(obj));
	seq_printf(m, "resident:\t%llu\n", stat.resident);
	seq_printf(m, "swapped:\t%llu\n", stat.swapped);
	seq_printf(m, "pinned:\t%llu\n", stat.pinned);
#ifdef CONFIG_DEBUG_FS
	seq_printf(m, "age:\t%u\n", anon_object_age(obj));
#endif
}
#endif

#ifdef CONFIG_DEBUG_FS
static void anon_objects_show_name(struct seq_file *m, struct anon_object *obj)
{
	struct name_snapshot name;
	struct dentry *dentry;

	if (refcount_inc_not_zero_acquire(&obj->refs)) {
		bool named = obj->owned && !obj->found;

		if (named)
			seq_escape(m, anon_object_name(obj), " \t\n\\");
		anon_object_put(obj);
		if (named)
			return;
	}

	dentry = d_find_any_alias(obj->inode);
	if (!dentry) {
		seq_putc(m, '-');
		return;
	}
	take_dentry_name_snapshot(&name, dentry);
	seq_escape(m, name.name.name, " \t\n\\");
	release_dentry_name_snapshot(&name);
	dput(dentry);
}

/* The number of the memory cgroup that the object is charged to, or 0 */
static u64 anon_objects_cgroup(const struct anon_object *obj)
{
#ifdef CONFIG_MEMCG
	struct mem_cgroup *memcg;

	guard(rcu)();
	memcg = mem_cgroup_from_virt(obj->inode);
	while (memcg && !css_is_online(&memcg->css))
		memcg = parent_mem_cgroup(memcg);
	return memcg ? cgroup_ino(memcg->css.cgroup) : 0;
#else
	return 0;
#endif
}

static void anon_objects_show_one(struct seq_file *m, struct anon_object *obj)
{
	u64 size = anon_object_size(obj);
	unsigned int refs = refcount_read(&obj->refs);
	struct anon_object_stat stat;

	anon_object_get_stat(obj, &stat);
	anon_objects_show_name(m, obj);
	seq_printf(m, " %s %llu %llu %llu %llu %llu %u", obj->backend->name,
		   stat.page_size >> 10, DIV_ROUND_UP(size, 1 << 10),
		   stat.resident >> 10, stat.swapped >> 10, stat.pinned >> 10,
		   from_kuid_munged(&init_user_ns, obj->inode->i_uid));
	seq_printf(m, " %u:%u %llu %u %u %llu %d ",
		   MAJOR(anon_object_dev(obj)), MINOR(anon_object_dev(obj)),
		   anon_object_ino(obj), refs, anon_object_age(obj),
		   anon_objects_cgroup(obj), obj->tgid);
	seq_escape(m, obj->comm, " \t\n\\");
	seq_putc(m, '\n');
}

/*
 * The object of an inode that is neither new nor going away; iput() gives the
 * inode back.  Whoever makes one initialises the object with the lock held, and
 * unlinks the inode afterwards: if that is seen here, so is the object.
 */
static struct anon_object *anon_objects_get(struct inode *inode)
{
	struct anon_object *obj;

	guard(spinlock)(&inode->i_lock);
	if (inode_state_read(inode) & (I_FREEING | I_WILL_FREE | I_NEW))
		return NULL;
	/* The lock is not for this, but it goes from 1 to 0 and no further */
	if (data_race(inode->i_nlink))
		return NULL;
	obj = anon_object_from_inode(inode);
	if (obj)
		__iget(inode);
	return obj;
}

static void anon_objects_show_super(struct super_block *sb, void *arg)
{
	struct inode *inode, *prev = NULL;
	struct seq_file *m = arg;

	if (!(sb->s_flags & SB_KERNMOUNT))
		return;
	spin_lock(&sb->s_inode_list_lock);
	list_for_each_entry(inode, &sb->s_inodes, i_sb_list) {
		struct anon_object *obj = anon_objects_get(inode);

		if (!obj)
			continue;
		spin_unlock(&sb->s_inode_list_lock);

		/* With a reference to its inode, the place in the list holds */
		anon_objects_show_one(m, obj);
		iput(prev);
		prev = inode;
		cond_resched();
		spin_lock(&sb->s_inode_list_lock);
	}
	spin_unlock(&sb->s_inode_list_lock);
	iput(prev);
}

static int anon_objects_show(struct seq_file *m, void *unused)
{
	static const char * const types[] = { "tmpfs", "hugetlbfs" };
	long objects, resident;
	unsigned int i;

	seq_puts(m, "name backend page_kB size_kB resident_kB swapped_kB pinned_kB owner device inode references age_s cgroup process command\n");
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		struct file_system_type *type = get_fs_type(types[i]);

		if (!type)
			continue;
		iterate_supers_type(type, anon_objects_show_super, m);
		put_filesystem(type);
	}
	anon_pages_total(&objects, &resident);
	seq_printf(m, "# pages objects: %ld, %ld kB\n", objects,
		   resident << (PAGE_SHIFT - 10));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(anon_objects);

static int __init anon_objects_init(void)
{
	debugfs_create_file("anon_objects", 0400, NULL, NULL,
			    &anon_objects_fops);
	return 0;
}
late_initcall(anon_objects_init);
#endif /* CONFIG_DEBUG_FS */
