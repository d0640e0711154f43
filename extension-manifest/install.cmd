@echo off
rem Copies the extension to where the debuggers look for a user's extensions. Needs no administrator.
setlocal
set SOURCE=%~dp0
set TARGET=%LOCALAPPDATA%\Dbg\UserExtensions\HangAnalysis
if /i "%SOURCE%"=="%TARGET%\" (
    echo Unpack the files into another folder: this one is where they are installed to. 1>&2
    exit /b 1
)
if not exist "%SOURCE%amd64\HangAnalysis.dll" (
    echo amd64\HangAnalysis.dll is missing: unpack the whole zip file first. 1>&2
    exit /b 1
)
rem A file that a debugger has loaded cannot be deleted.
if exist "%TARGET%\amd64" rmdir /s /q "%TARGET%\amd64"
if exist "%TARGET%\arm64" rmdir /s /q "%TARGET%\arm64"
if exist "%TARGET%\amd64" goto failed
if exist "%TARGET%\arm64" goto failed

mkdir "%TARGET%\amd64"
copy /y "%SOURCE%amd64\HangAnalysis.dll" "%TARGET%\amd64" >nul
if exist "%SOURCE%arm64\HangAnalysis.dll" mkdir "%TARGET%\arm64"
if exist "%SOURCE%arm64\HangAnalysis.dll" copy /y "%SOURCE%arm64\HangAnalysis.dll" "%TARGET%\arm64" >nul
rem Without config.xml: from a folder with two .xml files the debuggers take nothing.
copy /y "%SOURCE%ManifestVersion.txt" "%TARGET%" >nul
copy /y "%SOURCE%LICENSE" "%TARGET%" >nul
copy /y "%SOURCE%README.txt" "%TARGET%" >nul
copy /y "%SOURCE%Manifest.1.xml" "%TARGET%" >nul
if not exist "%TARGET%\amd64\HangAnalysis.dll" goto failed
if not exist "%TARGET%\Manifest.1.xml" goto failed

echo Installed in %TARGET%
echo Start the debugger, open a dump, and type !hangwhy
echo.
echo A debugger that does not know the command is told once, with these two lines, and started anew:
echo     .settings load "%SOURCE%config.xml"
echo     .settings save
exit /b 0

:failed
echo Not installed in %TARGET%. Close the debuggers that use it, and run this again. 1>&2
exit /b 1
