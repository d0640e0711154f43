@echo off
rem The main job: without arguments, the verdict on the sample; otherwise everything is handed to hangwhy as it is.
setlocal
set DOTNET_CLI_TELEMETRY_OPTOUT=1
set DOTNET_NOLOGO=1
set ROOT=%~dp0..
dotnet --list-sdks 2>nul | findstr /b "10." >nul
if errorlevel 1 (
    echo The .NET SDK 10 is missing. Install it from https://dotnet.microsoft.com/download/dotnet/10.0 1>&2
    exit /b 1
)
dotnet build "%ROOT%\src\HangAnalysis.Cli\HangAnalysis.Cli.csproj" --configuration Release --nologo --verbosity quiet 1>&2
if errorlevel 1 exit /b 1
if "%~1"=="" (
    dotnet "%ROOT%\src\HangAnalysis.Cli\bin\Release\net10.0\hangwhy.dll" "%ROOT%\samples\logoff-hang\memory.dmp"
) else (
    dotnet "%ROOT%\src\HangAnalysis.Cli\bin\Release\net10.0\hangwhy.dll" %*
)
exit /b %errorlevel%
