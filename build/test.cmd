@echo off
rem All tests; the last line is "N passed, N failed, N skipped".
setlocal
set DOTNET_CLI_TELEMETRY_OPTOUT=1
set DOTNET_NOLOGO=1
dotnet --list-sdks 2>nul | findstr /b "10." >nul
if errorlevel 1 (
    echo The .NET SDK 10 is missing. Install it from https://dotnet.microsoft.com/download/dotnet/10.0 1>&2
    exit /b 1
)
powershell -NoProfile -ExecutionPolicy Bypass -File "%~dp0test.ps1"
exit /b %errorlevel%
