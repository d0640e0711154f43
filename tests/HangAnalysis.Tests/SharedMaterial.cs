using NUnit.Framework;

namespace HangAnalysis.Tests;

/// <summary>Finds the material that lies beside the repository and is not part of it.</summary>
internal static class SharedMaterial
{
    /// <summary>
    /// Full path of a file or folder below <c>../shared</c>; the running test is skipped, with a message, where it is absent.
    /// </summary>
    public static string Require(string relativePath)
    {
        string path = Path.Combine(RepositoryRoot, "..", "shared", relativePath);
        if (!File.Exists(path) && !Directory.Exists(path))
            Assert.Ignore($"needs ../shared/{relativePath}, which is not here");
        return Path.GetFullPath(path);
    }

    /// <summary>The folder that holds HangAnalysis.sln.</summary>
    public static string RepositoryRoot => EngineTests.Repository.Root;
}
