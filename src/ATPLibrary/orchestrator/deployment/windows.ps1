# What 'Deploy Agent' and 'Remove Agent' do in a Windows guest, under PowerShell 3 and later. $verb, $name and $given come before this.
#
# As posix.sh: new files wait in .new-NAME, what there was is in .old-NAME, made whole before anything is changed. `run` has the
# Python's path in its first line and an option in each further one; the agent's own service mode does the rest.
$ErrorActionPreference = 'Stop'
$service = 'ATPGuestAgent'
$dir = Join-Path $env:ProgramData 'ATP\agent'
$new = Join-Path $dir ".new-$name"
$old = Join-Path $dir ".old-$name"
$files = 'agent.pyz', 'run', 'token'
$agent = Join-Path $dir 'agent.pyz'

$busy = Join-Path $dir '.busy'

# As posix.sh's: one deployment at a time; one that has had no step for five minutes has lost its owner.
function Get-Owner { $by = Join-Path $busy 'by'; if (Test-Path -LiteralPath $by) { [string](Get-Content -LiteralPath $by -TotalCount 1) } else { '' } }
function Test-Mine { (Get-Owner).StartsWith("$name ") }
function Test-Another {
  (Test-Path -LiteralPath $busy) -and -not (Test-Mine) -and (Get-Item -LiteralPath $busy -Force).LastWriteTime -gt (Get-Date).AddMinutes(-5)
}
function Tell-Another { "busy=$((Get-Owner) -replace '^\S+ ', '')" }
function Return-Lock { if (Test-Mine) { Remove-All $busy } }
function Get-Ours { Get-Service -Name $service -ErrorAction SilentlyContinue }
function Remove-All($path) { if (Test-Path -LiteralPath $path) { Remove-Item -LiteralPath $path -Recurse -Force } }
function Tell-Agent($words) {
  $run = @(Get-Content -LiteralPath (Join-Path $dir 'run') -Encoding UTF8)
  $python = $run[0]
  $all = @('-I', '-S', $agent, 'service', $words)
  if ($words -eq 'install') { $all += @($run | Select-Object -Skip 1) }
  & $python $all
  if ($LASTEXITCODE -ne 0) { throw "'service $words' of the agent ended with $LASTEXITCODE" }
}
function End-Agent {
  if (-not (Get-Ours)) { return }
  Stop-Service -Name $service -Force
  & sc.exe delete $service | Out-Null
  # Windows forgets it when its last handle is closed.
  foreach ($try in 1..50) { if (-not (Get-Ours)) { return }; Start-Sleep -Milliseconds 100 }
  throw "Windows doesn't let go of service $service"
}
function Start-Agent { Tell-Agent 'install'; Tell-Agent 'start' }

if (Test-Mine) { (Get-Item -LiteralPath $busy -Force).LastWriteTime = Get-Date }
switch ($verb) {
  'survey' {
    $who = [Security.Principal.WindowsPrincipal][Security.Principal.WindowsIdentity]::GetCurrent()
    "directory=$dir"
    "administrator=$($who.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator))"
    # Those of the whole machine: what a user can write to must not run as SYSTEM.
    $places = if ($given) { $given } else {
      $keys = 'HKLM:\SOFTWARE\Python\*\*\InstallPath', 'HKLM:\SOFTWARE\WOW6432Node\Python\*\*\InstallPath'
      Get-ItemProperty $keys -ErrorAction SilentlyContinue |
        ForEach-Object { if ($_.ExecutablePath) { $_.ExecutablePath } else { Join-Path ($_.'(default)') 'python.exe' } }
      $roots = $env:ProgramFiles, ${env:ProgramFiles(x86)}, "$env:SystemDrive\"
      $roots | Where-Object { $_ } | ForEach-Object { Join-Path $_ 'Python3*\python.exe' } |
        Get-Item -ErrorAction SilentlyContinue | ForEach-Object { $_.FullName }
    }
    $python = $null
    foreach ($place in @($places | Select-Object -Unique)) {
      if (-not (Test-Path -LiteralPath $place)) { continue }
      $said = $null
      try { $said = & $place -I -S -c 'import sys,ctypes;print(*sys.version_info[:3],sep=chr(46))' } catch { }
      if (-not $said) { $said = '?' }
      "python=$place $said"
      if (-not $python -and $said -match '^3\.([89]|[1-9][0-9])\.') { $python = $place }
    }
    if (Test-Path -LiteralPath $agent) {
      if ((Get-Ours) -and (Get-Ours).Status -eq 'Running') { 'running=yes' }
      if ($python) { "version=$(& $python -I -S $agent --version)" }
      'installed=yes'
    }
    if (Test-Another) { Tell-Another }
  }
  'stage' {
    if (Test-Path -LiteralPath $dir) {
      if ((Get-Item -LiteralPath $dir -Force).Attributes -band [IO.FileAttributes]::ReparsePoint) { throw "$dir leads elsewhere" }
    } else { New-Item -ItemType Directory -Path $dir -Force | Out-Null }
    # Users may make directories in ProgramData: this one is the administrators', whoever made it.
    & icacls.exe $dir /setowner '*S-1-5-32-544' /T /Q | Out-Null
    if ($LASTEXITCODE -ne 0) { throw "the directory can't be made the administrators': icacls ended with $LASTEXITCODE" }
    & icacls.exe $dir /inheritance:r /grant:r '*S-1-5-18:(OI)(CI)F' '*S-1-5-32-544:(OI)(CI)F' /Q | Out-Null
    if ($LASTEXITCODE -ne 0) { throw "the directory can't be closed to users: icacls ended with $LASTEXITCODE" }
    if (Test-Another) { Tell-Another; return }
    Remove-All $busy
    New-Item -ItemType Directory -Path $busy | Out-Null
    Set-Content -LiteralPath (Join-Path $busy 'by') -Value "$name $given"
    Get-ChildItem -LiteralPath $dir -Force -Directory | Where-Object { $_.Name -match '^\.(new|old)-' -and $_.LastWriteTime -lt (Get-Date).AddHours(-1) } |
      ForEach-Object { Remove-All $_.FullName }
    New-Item -ItemType Directory -Path $new | Out-Null
  }
  'switch' {
    New-Item -ItemType Directory -Path "$old.part" | Out-Null
    foreach ($file in $files) {
      $there = Join-Path $dir $file
      if (Test-Path -LiteralPath $there) { Copy-Item -LiteralPath $there -Destination "$old.part" }
    }
    if (Get-Ours) { New-Item -ItemType File -Path (Join-Path "$old.part" 'had-service') | Out-Null }
    Rename-Item -LiteralPath "$old.part" -NewName ".old-$name"
    End-Agent
    foreach ($file in $files) {
      Remove-All (Join-Path $dir $file)
      $ours = Join-Path $new $file
      if (Test-Path -LiteralPath $ours) { Move-Item -LiteralPath $ours -Destination $dir }
    }
    Start-Agent
  }
  'undo' {
    if (Test-Path -LiteralPath $old) {
      End-Agent
      foreach ($file in $files) {
        Remove-All (Join-Path $dir $file)
        $theirs = Join-Path $old $file
        if (Test-Path -LiteralPath $theirs) { Copy-Item -LiteralPath $theirs -Destination $dir }
      }
      if (Test-Path -LiteralPath (Join-Path $old 'had-service')) { Start-Agent }
    }
    foreach ($path in $new, $old, "$old.part") { Remove-All $path }
    Return-Lock
    if ((Test-Path -LiteralPath $dir) -and -not (Get-ChildItem -LiteralPath $dir -Force)) { Remove-All $dir }
  }
  'finish' { foreach ($path in $new, $old) { Remove-All $path }; Return-Lock }
  'why' {
    if (Get-Ours) { "service $service is $((Get-Ours).Status)" } else { "there is no service $service" }
    foreach ($log in 'service.log', 'log') {
      $path = Join-Path $dir $log
      if (Test-Path -LiteralPath $path) { Get-Content -LiteralPath $path -Tail 4 }
    }
  }
  'remove' {
    if (Test-Another) { Tell-Another; return }
    if ((Test-Path -LiteralPath $agent) -or (Get-Ours)) {
      End-Agent
      Remove-All $dir
      "removed=$dir"
    }
  }
}
