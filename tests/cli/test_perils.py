"""Which command lines are worth a question, and which are not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.cli.guarding import reasons
from fleetctl.cli.perils import perils_of
from fleetctl.cli.settings import ConfirmSettings
from fleetctl.operations.script import Script, Source

PERILOUS = r"""
rm -rf /
rm -r x
rm -fr x
rm -f -R x
rm x -r
rm --recursive x
/bin/rm -rf /var/x
sudo rm -rf x
sudo -u root rm -rf x
cd /x && rm -rf *
cd /x; rm -Rf y
sh -c 'rm -rf x'
bash -lc "cd /; rm -rf x"
find . -name x | xargs rm -rf
find / -name core -delete
find / -exec rm {} +
if true; then reboot; fi
reboot
/sbin/reboot
sudo reboot
sudo /sbin/reboot -f
sleep 5 && reboot
(sleep 5; reboot) &
nohup sh -c "sleep 1; reboot" &
shutdown -r now
sudo shutdown -h +1
poweroff
halt -p
init 0
init 6
telinit 6
systemctl reboot
systemctl -i poweroff
systemctl --no-block reboot
mkfs.ext4 /dev/sdb1
mkfs -t xfs /dev/sdb
dd if=/dev/zero of=/dev/sda bs=1M
wipefs -a /dev/sda
fdisk /dev/sda
parted /dev/sda mklabel gpt
userdel -r bob
deluser bob
iptables -F
sudo iptables -t nat -F
ip6tables --flush
cat x > /dev/sda
echo 1 >/dev/nvme0n1
kill -9 -1
kill -KILL -1
truncate -s 0 /var/log/x
mysql -e 'DROP TABLE users'
psql -c "drop database app"
mysql -e "TRUNCATE TABLE x"
LANG=C rm -rf x
env A=b rm -rf x
time rm -rf x
timeout 5 rm -rf x
timeout 5s rm -rf x
sudo -n env X=1 reboot
for d in a b; do rm -rf $d; done
! reboot
crontab -r
`reboot`
$(reboot)
nice -n 10 rm -rf x
sudo -- rm -rf x
chown -R bob /
chmod -R 777 /
\rm -rf x
eval rm -rf x
sudo -g wheel -u root rm -rf x
env -u A -u B rm -rf x
timeout -s KILL 1.5 sudo -n reboot
xargs -I {} rm -rf {}
flock -n /run/x rm -rf x
chroot /mnt rm -rf x
systemd-run --on-active=2 reboot
systemctl stop sshd
sudo systemctl disable --now ssh.service
service ssh stop
ifconfig eth0 down
cat x | sudo tee /dev/sda
cp x /dev/sda
dropdb app
wipefs -af /dev/sda
""".strip().splitlines()

HARMLESS = r"""
echo reboot
df -h
rm x
rm -f x
rm -i reports
rm /tmp/rm-r
rm -f x-r
grep -r reboot /var/log
last reboot
who -b
journalctl | grep shutdown
ls -r
cp -r a b
systemctl status nginx
systemctl restart nginx
systemctl is-active halt.target
cat /etc/init.d/halt
uptime; free
dd if=/dev/sda count=1
ls /dev/sda
cat x > /dev/null
echo x > /dev/stderr
kill -9 1234
kill -1 1234
kill -l
iptables -L
iptables -S
fdisk -l
parted -l
man reboot
which reboot
rpm -qi shutdown
apt-get install -y truncate-tools
echo rm -rf x
initctl status
firm -r x
rm_old -r
truncated
select * from drops
needs-restarting -r
test -f /var/run/reboot-required
ls /reboot
dpkg -l | grep rm
find / -name x
crontab -l
chown -R bob /home/bob
logger init 6
systemctl stop nginx
./reboot.sh
rebooted
grep -r "shutdown" /etc
ps -ef | grep 'reboot'
tail -f x | grep -v "reboot"
sudo -u root grep reboot /var/log/x
sudo -n grep -r reboot /var/log
sed -i 's/reboot/x/' f
wall 'reboot at 5'
command -v reboot
truncate --help
shutdown -c
wipefs /dev/sda
cp /dev/sda x
systemctl stop sshguard
""".strip().splitlines()


def test_what_destroys_is_noticed() -> None:
    assert [command for command in PERILOUS if not perils_of(command)] == []


def test_what_only_speaks_of_it_is_not() -> None:
    assert [(command, perils_of(command)) for command in HARMLESS if perils_of(command)] == []


def test_the_users_own_list_is_looked_for_anywhere_and_may_stand_alone() -> None:
    own = [re.compile("(?i)\\bkubectl drain\\b")]
    assert perils_of("date; Kubectl drain n1; reboot", own) == [own[0].pattern, "reboot"]
    assert perils_of("reboot", own, built_in=False) == []
    assert perils_of("rm -r a; rm -r b") == ["rm"]


@given(st.text(alphabet="sudo rm-rf'\";|=/x5\n", max_size=300))
def test_any_text_can_be_looked_at(command: str) -> None:
    assert perils_of(f"{command}\nreboot")[-1] == "reboot"


@pytest.mark.parametrize("piece", ["sudo ", "a=b ", "env -x ", "'", "rm ", "sudo -a 5 ", "dd ", "iptables -P x "])
def test_long_lines_are_looked_at_in_no_time(piece: str) -> None:
    """It would take minutes if it took longer per word with each word."""
    assert isinstance(perils_of(piece * 10_000), list)


def test_a_script_is_looked_through_as_well() -> None:
    script = Script(Source("tidy.sh", b"#!/bin/sh\ncd /srv\n# reboot\nrm -rf cache\n"))
    assert reasons(script, 1, ConfirmSettings()) == ["rm"]
    assert reasons(script, 101, ConfirmSettings(built_in=False, above=100)) == ["more than 100 hosts"]
