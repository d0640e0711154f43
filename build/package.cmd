@echo off
rem Publishes the extension and makes what is installed of it: artifacts\HangAnalysis-VERSION.zip.
setlocal
call "%~dp0publish.cmd"
if errorlevel 1 exit /b 1
dotnet run "%~dp0package.cs" -- "%~dp0.."
exit /b %errorlevel%
