@echo off
rem Publishes the extension: artifacts\extension\amd64\HangAnalysis.dll, and arm64 where its C++ tools are installed.
setlocal
set DOTNET_CLI_TELEMETRY_OPTOUT=1
set DOTNET_NOLOGO=1
set ROOT=%~dp0..
dotnet --list-sdks 2>nul | findstr /b "10." >nul
if errorlevel 1 (
    echo The .NET SDK 10 is missing. Install it from https://dotnet.microsoft.com/download/dotnet/10.0 1>&2
    exit /b 1
)
if exist "%ROOT%\artifacts\extension" rmdir /s /q "%ROOT%\artifacts\extension"
set PUBLISH=dotnet publish "%ROOT%\src\HangAnalysis.Extension" --configuration Release --nologo --verbosity quiet
%PUBLISH% --runtime win-x64 --output "%ROOT%\artifacts\extension\amd64"
if errorlevel 1 exit /b 1
%PUBLISH% --runtime win-arm64 --output "%ROOT%\artifacts\extension\arm64"
if errorlevel 1 (
    echo Not published for ARM64, which needs "C++ ARM64 build tools" of Visual Studio; x64 is there.
    if exist "%ROOT%\artifacts\extension\arm64" rmdir /s /q "%ROOT%\artifacts\extension\arm64"
)
exit /b 0
