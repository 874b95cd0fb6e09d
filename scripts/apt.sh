# shellcheck shell=sh disable=SC2154	# env.sh sets cache and the like
# Packages from Debian's other suites and architectures, for those who source
# this after env.sh.  One at a time, for apt's lists are shared.

exec 7>"$cache/apt.lock"
flock 7

# Sets $mirror to where this machine has its packages from
debian_mirror()
{
	command -v apt-get >/dev/null || die "no apt-get here"
	# shellcheck disable=SC2016	# apt's own variable
	mirror=$(apt-get indextargets --format '$(REPO_URI)' \
			'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
		 grep -v -e security -e '^file:' | sort -u | head -n 1)
	[ -n "$mirror" ] ||
		die "no Debian mirror in this machine's apt configuration, or no apt-get update yet"
}

# apt with its own sources and lists, so that the machine's stay as they are
private_apt()
{
	apt-get -o Dir::State="$cache/apt" -o Dir::Cache="$cache/apt" \
		-o Dir::Etc::sourcelist="$cache/apt/sources.list" \
		-o Dir::Etc::sourceparts=- -o Dir::Etc::preferencesparts=- \
		-o Dir::State::status=/var/lib/dpkg/status \
		-o APT::Sandbox::User=root -o APT::Architecture="$arch" \
		-o APT::Architectures="$arch" -o Acquire::Languages=none "$@"
}

# download ARCH PACKAGE SUITE...: into $cache/apt, from the first of the suites
# at this machine's own mirror that has it
download()
{
	arch=$1 package=$2
	shift 2
	debian_mirror
	mkdir -p "$cache/apt/lists/partial" "$cache/apt/archives/partial"
	for suite; do
		say "looking for $package in $suite"
		printf 'deb [arch=%s signed-by=%s] %s %s main\n' "$arch" \
			/usr/share/keyrings/debian-archive-keyring.gpg \
			"$mirror" "$suite" >"$cache/apt/sources.list"
		private_apt update >"$cache/apt/log" 2>&1 || continue
		if (cd "$cache/apt" &&
		    private_apt download "$package" >>log 2>&1); then
			return
		fi
	done
	die "no suite of this machine's Debian mirror has $package (see $cache/apt/log)"
}
