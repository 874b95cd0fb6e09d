# exceptions.awk EXCEPTIONS COMPLAINTS: those that have no reason to be there, and,
# with -v all=1, the reasons that nothing is there for
FILENAME == ARGV[1] {
	if ($0 !~ /^#/ && NF) {
		if (NF < 3 || $3 == "") {
			print "tests/check-exceptions:" FNR ": no reason"
			next
		}
		n++; file[n] = $1; pattern[n] = $2; line[n] = FNR
	}
	next
}
{
	for (i = 1; i <= n; i++)
		if (index($0, file[i]) == 1 && $0 ~ pattern[i]) {
			used[i] = 1
			next
		}
	print
}
END {
	for (i = 1; i <= n; i++)
		if (!used[i] && all)
			print "tests/check-exceptions:" line[i] ": excuses nothing"
}
