# Runs one part of a test and never outlives the test: sh supervise.sh OUTPUT ERRORS SWEEP PROGRAM [ARGUMENT…]
#
# The part's output is appended to the files OUTPUT and ERRORS. The test holds the other ends of this script's
# standard input and output. The first line written is the part's process id. A line read is a signal's name for the
# part, and is answered when the signal was sent. End of file means that the test is over, however it ended (a panic,
# SIGKILL, a static that is never dropped): the part is killed, and the folder SWEEP goes with it, unless it is empty.
output=$1
errors=$2
sweep=$3
shift 3
abandoned=${sweep:-.}/abandoned
exec 3<&0
: >>"$output"
: >>"$errors"

"$@" </dev/null >>"$output" 2>>"$errors" 3<&- &
part=$!
echo "$part"

{
  while read -r signal <&3; do
    kill -s "$signal" "$part"
    echo "$signal"
  done
  if [ -n "$sweep" ]; then : >"$abandoned"; fi
  kill -s KILL "$part"
} 2>/dev/null &
orders=$!

wait "$part" 2>/dev/null
status=$?
kill "$orders" 2>/dev/null
if [ -n "$sweep" ] && [ -e "$abandoned" ]; then rm -rf "$sweep"; fi
exit "$status"
