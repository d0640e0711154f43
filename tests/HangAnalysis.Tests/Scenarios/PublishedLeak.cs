using System.Text.Json;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary>
/// The figures of a published leak: 203,162,872 bytes of nonpaged pool, 19,144,784 of paged, and of the former 23 blocks with
/// 193,024,000 bytes that myfault.sys allocates with the tag Leak.
/// </summary>
internal static class PublishedLeak
{
    /// <summary>Asserts them of what !poolwho says; gives the leak's tag and its only owner.</summary>
    public static (JsonElement Leak, JsonElement Owner) Check(JsonElement pool)
    {
        JsonElement leak = pool.GetProperty("tags")[0], nonPaged = leak.GetProperty("nonPaged");
        JsonElement owner = leak.GetProperty("owners").EnumerateArray().Single();
        Assert.Multiple(() =>
        {
            Assert.That(pool.GetProperty("nonPagedBytes").GetInt64(), Is.EqualTo(203162872));
            Assert.That(pool.GetProperty("pagedBytes").GetInt64(), Is.EqualTo(19144784));
            Assert.That(leak.GetProperty("tag").GetString(), Is.EqualTo("Leak"));
            Assert.That(nonPaged.GetProperty("bytes").GetInt64(), Is.EqualTo(193024000));
            Assert.That(nonPaged.GetProperty("allocations").GetInt64(), Is.EqualTo(23));
            Assert.That(nonPaged.GetProperty("largeBytes").GetInt64(), Is.EqualTo(193024000));
            Assert.That(owner.GetProperty("module").GetString(), Is.EqualTo("myfault.sys"));
            Assert.That(owner.GetProperty("certainty").GetString(), Is.EqualTo("proven"));
        });
        return (leak, owner);
    }
}
