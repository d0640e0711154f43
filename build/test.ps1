# All tests; the last line is "N passed, N failed, N skipped". Called by test.cmd.
$solution = Join-Path $PSScriptRoot '..\HangAnalysis.sln'
$lines = dotnet test $solution --configuration Release --nologo --verbosity quiet --logger 'console;verbosity=minimal' 2>&1 |
    ForEach-Object { Write-Host $_; "$_" }
$status = $LASTEXITCODE
$passed = 0; $failed = 0; $skipped = 0
foreach ($line in $lines) {
    if ($line -match 'Failed: *(\d+), Passed: *(\d+), Skipped: *(\d+), Total') {
        $failed += [int]$Matches[1]; $passed += [int]$Matches[2]; $skipped += [int]$Matches[3]
    }
}
if ($passed + $failed -eq 0 -and $status -eq 0) { $status = 1 }
Write-Host "$passed passed, $failed failed, $skipped skipped"
exit $status
