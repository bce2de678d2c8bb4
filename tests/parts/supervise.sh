# Runs one part of a test and never outlives the test: sh supervise.sh SWEEP PROGRAM [ARGUMENT…]
#
# The test holds the writing end of this script's standard input. A line on it is a signal's name for the part.
# End of file means that the test is over, however it ended (a panic, SIGKILL, a static that is never dropped): the
# part is killed, and the folder SWEEP goes with it, unless SWEEP is empty.
sweep=$1
shift
abandoned=${sweep:-.}/abandoned
exec 3<&0

"$@" </dev/null 3<&- &
part=$!

{
  while read -r signal <&3; do
    kill -s "$signal" "$part"
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
