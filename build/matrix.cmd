@echo off
rem The twin of matrix.sh: every scenario on every kernel layout, in disorder, and 10,000 mutations.
setlocal
set DOTNET_CLI_TELEMETRY_OPTOUT=1
set DOTNET_NOLOGO=1
set HANGANALYSIS_MATRIX=all
dotnet test "%~dp0..\tests\HangAnalysis.Tests" --configuration Release --nologo --verbosity quiet --logger "console;verbosity=minimal" --filter "FullyQualifiedName~Matrix"
if errorlevel 1 exit /b 1
set HANGANALYSIS_MATRIX=
dotnet test "%~dp0..\tests\HangAnalysis.Tests" --configuration Release --nologo --verbosity quiet --logger "console;verbosity=minimal" --no-build --filter "FullyQualifiedName~The_table_lists"
