#!/usr/bin/env bash
# Installs the real parts that the tests run against, at the versions pinned beside this file, into
# ${SEALWATCH_TEST_HOME:-$HOME/.cache/sealwatch-test}. Says nothing when all is there. What cannot be had ends it
# with an error: no test is skipped for want of a part.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
home=${SEALWATCH_TEST_HOME:-$HOME/.cache/sealwatch-test}

say() { printf 'test parts: %s\n' "$*" >&2; }

fail() {
  say "$@"
  exit 1
}

# Runs a command up to three times, since registries are sometimes out of breath; shows what the last try said.
attempt() {
  local said try
  for try in 1 2 3; do
    if said=$("$@" 2>&1); then return; fi
    say "try $try of 3 failed: $*"
  done
  printf '%s\n' "$said" >&2
  return 1
}

# --- programs of the system ------------------------------------------------------------------------------------

# The Debian packages of the programs that are not there, on one line.
missing_packages() {
  local missing=()
  command -v chromium >/dev/null || missing+=(chromium)
  command -v java >/dev/null || missing+=(default-jre-headless)
  command -v mvn >/dev/null || missing+=(maven)
  command -v openssl >/dev/null || missing+=(openssl)
  command -v ps >/dev/null || missing+=(procps)
  python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
  echo "${missing[*]}"
}

install_programs() {
  local missing
  missing=$(missing_packages)
  if [ -z "$missing" ]; then return; fi
  local order="apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing"
  if ! command -v apt-get >/dev/null; then
    fail "this machine has no apt-get; install by its own means what Debian calls: $missing"
  elif [ "$(id -u)" = 0 ]; then
    say "installing $missing"
    attempt sh -c "$order" || fail "apt-get cannot install $missing"
  elif sudo -n true 2>/dev/null; then
    say "installing $missing"
    attempt sudo -n sh -c "$order" || fail "apt-get cannot install $missing"
  else
    fail "some programs are missing; install them with this command and start again:
sudo sh -c '$order'"
  fi
  missing=$(missing_packages)
  if [ -n "$missing" ]; then fail "apt-get installed it, but this is still missing: $missing"; fi
}

# Kafka 4 is compiled for Java 17.
check_java() {
  local version
  version=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
  if [ "${version:-0}" -lt 17 ]; then fail "Apache Kafka needs Java 17 or later; this is Java ${version:-unknown}"; fi
}

# --- Apache Kafka ----------------------------------------------------------------------------------------------

install_kafka() {
  local kafka=$home/kafka wanted
  wanted=$(cat "$here/kafka/pom.xml" && java -version 2>&1)
  if [ "$(cat "$kafka/installed" 2>/dev/null)" = "$wanted" ]; then return; fi
  check_java
  say "fetching Apache Kafka (44 MB)"
  rm -rf "$kafka"
  mkdir -p "$kafka"
  attempt mvn -q -B -f "$here/kafka/pom.xml" dependency:copy-dependencies \
    -DoutputDirectory="$kafka/libs" -DincludeScope=runtime || fail "Maven cannot fetch Apache Kafka"
  archive_kafka_classes "$kafka" || fail "the fetched Apache Kafka does not start"
  printf '%s\n' "$wanted" >"$kafka/installed"
}

# Starts the broker once and lets Java write down what it loaded: each later start takes a third of the time.
archive_kafka_classes() {
  local kafka=$1 work port try
  for try in 1 2 3; do
    work=$(mktemp -d)
    port=$((15000 + RANDOM % 16000))
    cat >"$work/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((port + 1))
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$work/data
PROPERTIES
    java -cp "$kafka/libs/*" kafka.tools.StorageTool format --cluster-id c2VhbHdhdGNoLXRlc3RzIQ \
      --config "$work/server.properties" >"$work/log" 2>&1
    java -XX:ArchiveClassesAtExit="$kafka/classes.jsa" -Xmx512m -XX:+UseSerialGC -cp "$kafka/libs/*" \
      kafka.Kafka "$work/server.properties" >>"$work/log" 2>&1 &
    local broker=$!
    if await_line 'Kafka Server started' "$work/log" "$broker"; then
      kill "$broker"
      wait "$broker" || true
      rm -rf "$work"
      test -s "$kafka/classes.jsa"
      return
    fi
    kill -9 "$broker" 2>/dev/null || true
    wait "$broker" 2>/dev/null || true
    say "try $try of 3: the broker did not start: $(grep -m 1 -i exception "$work/log")"
    rm -rf "$work"
  done
  return 1
}

# Waits up to a minute for a line in the log of a running process.
await_line() {
  local line=$1 log=$2 process=$3 look
  for look in $(seq 600); do
    if grep -q "$line" "$log"; then return 0; fi
    if ! kill -0 "$process" 2>/dev/null; then return 1; fi
    sleep 0.1
  done
  return 1
}

# --- Python ----------------------------------------------------------------------------------------------------

install_python() {
  local venv=$home/venv wanted
  wanted=$(cat "$here/requirements.txt" && python3 --version)
  if [ "$(cat "$venv/installed" 2>/dev/null)" = "$wanted" ]; then return; fi
  say "making a Python environment"
  rm -f "$venv/installed"
  # An environment whose Python was removed since cannot be mended.
  if ! "$venv/bin/python" -c '' 2>/dev/null; then rm -rf "$venv"; fi
  attempt python3 -m venv "$venv" || fail "python3 cannot make an environment"
  attempt "$venv/bin/python" -m pip install -q --disable-pip-version-check -r "$here/requirements.txt" ||
    fail "pip cannot install tests/parts/requirements.txt"
  printf '%s\n' "$wanted" >"$venv/installed"
}

mkdir -p "$home"
# Two runs at once would write into the same folders.
if command -v flock >/dev/null; then
  exec 9>"$home/lock"
  flock 9
fi
install_programs
install_kafka
install_python
